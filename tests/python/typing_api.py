"""The public API as a type checker sees it: checked by mypy, never run."""

from __future__ import annotations

import asyncio
import pathlib
from typing import Any, Literal, assert_type

import numpy as np
import numpy.typing as npt

import ingot


def devices() -> None:
    assert_type(ingot.devices(), list[ingot.Device])
    device = ingot.Device()
    ingot.Device(0, require_gpu=True)
    ingot.Device("name")
    assert_type(ingot.Device.new(np.int64(0), residency=False), ingot.Device)
    assert_type(device.name, str)
    assert_type(device.supports("metal3"), bool)
    assert_type(device.max_threads_per_group, tuple[int, int, int])
    assert_type(device.statistics().submissions, int)
    device.residency_budget = 1 << 30
    assert_type(device.keep_alive, float)
    device.keep_alive = 2
    assert_type(device.slot_timeout, float)
    device.slot_timeout = 5
    assert_type(device.default_queue.slot_timeout, float)
    device.queue().slot_timeout = 5
    residency_set = device.residency_set(label="weights")
    residency_set.add(device.zeros(4), device.zeros(5))
    with residency_set.resident() as kept:
        assert_type(kept, ingot.ResidencySet)
    assert_type(len(residency_set), int)
    residency_set.add(4)  # type: ignore[arg-type]
    ingot.Device(0, True)  # type: ignore[call-arg] # noqa: FBT003
    device.name = "other"  # type: ignore[misc]


def pools(device: ingot.Device) -> None:
    pool = ingot.Pool(device, limit=1 << 30, decay=None)
    with pool as entered:
        assert_type(entered, ingot.Pool)
    assert_type(device.pool, ingot.Pool)
    assert_type(pool.alloc_batch([((4, 4), np.float16), (3, "int8")]), list[ingot.Buffer])
    assert_type(pool.zeros(4), ingot.Buffer)
    assert_type(pool.release(pool.empty((2,))), bool)
    assert_type((pool.reset(), pool.trim(1 << 20), pool.used_bytes()), tuple[int, int, int])
    assert_type(pool.statistics().hits, int)
    pool.relieve("low")  # type: ignore[arg-type]
    ingot.Pool(device, 5)  # type: ignore[call-arg]


def buffers(device: ingot.Device, values: npt.NDArray[np.float32]) -> None:
    assert_type(device.array(values), ingot.Buffer)
    device.array([[1, 2], [3, 4]], np.uint8, label="small")
    device.zeros(4)
    device.zeros((4, np.int64(5)), "bfloat16")
    device.full([2, 3], 1.5, np.float16)
    with device.empty(10, np.int32) as buffer:
        assert_type(buffer, ingot.Buffer)
        assert_type(buffer.numpy(), npt.NDArray[Any])
        assert_type(buffer.shape, tuple[int, ...])
        assert_type(buffer.dtype, np.dtype[Any])
        assert_type(len(buffer), int)
        assert_type(buffer.label, str | None)
    device.zeros("4")  # type: ignore[arg-type]
    device.zeros(4, np.float32, "label")  # type: ignore[call-arg]
    buffer.shape = (2,)  # type: ignore[misc]


def windows(buffer: ingot.Buffer) -> None:
    for window in (
        buffer[0],
        buffer[1:, 2],
        buffer[..., None],
        buffer[np.int64(1)],
        buffer.flat,
        buffer.copy(label="copy"),
    ):
        assert_type(window, ingot.Buffer)
    buffer.reshape(2, -1).reshape((4, np.int8(2))).view(np.uint8).window(4, (2, 2), "float16").window(0, 1)
    assert_type((buffer.offset, buffer.total_nbytes, buffer.storage_id), tuple[int, int, int])
    assert_type([part.shape for part in buffer], list[tuple[int, ...]])
    buffer["name"]  # type: ignore[index]
    buffer[[0, 1]]  # type: ignore[index]
    buffer[0] = 1  # type: ignore[index]
    buffer.window("4", 1)  # type: ignore[arg-type]


def imports(device: ingot.Device, values: npt.NDArray[np.float32]) -> None:
    assert_type(ingot.aligned_empty((2, 3), "bfloat16"), npt.NDArray[Any])
    for buffer in (
        device.wrap(values),
        device.wrap(memoryview(b""), copy=None, label="copied"),
        device.from_dlpack(values, copy=True),
        device.mmap(pathlib.Path("file"), np.uint16, (2, 3), offset=64, writable=True),
        device.from_raw(1 << 40, np.float16, 100, read_only=True),
    ):
        assert_type(buffer, ingot.Buffer)
        assert_type(buffer.raw_pointer, tuple[int, int])
        assert_type(np.asarray(buffer), npt.NDArray[Any])
        np.from_dlpack(buffer)
    device.wrap(values, copy="yes")  # type: ignore[arg-type]
    device.mmap(b"file")  # type: ignore[arg-type]


def weights(device: ingot.Device) -> None:
    loaded = ingot.load_safetensors("model.safetensors", device)
    assert_type(loaded["name"], ingot.Buffer)
    assert_type(loaded.get("name"), ingot.Buffer | None)
    assert_type(list(loaded), list[str])
    assert_type(loaded.metadata, dict[str, str])
    assert_type(loaded.tensors["name"], ingot.TensorInfo)
    assert_type(loaded.tensors["name"].shape, tuple[int, ...])
    assert_type(loaded.raw("name"), ingot.Buffer)
    loaded["name"] = 1  # type: ignore[index]


def kernels(device: ingot.Device) -> ingot.Kernel:
    library = device.compile("", math_mode="safe", language_version=(3, 2), macros={"N": 4})
    assert_type(library, ingot.Library)
    assert_type(library.kernel_names, tuple[str, ...])
    kernel = library.kernel("saxpy")
    assert_type(kernel, ingot.Kernel)
    assert_type(kernel.arguments[0], ingot.KernelArgument)
    assert_type(kernel.arguments[0].dtype, np.dtype[Any] | None)
    library.kernel("step", constants={"n": 4, 3: np.float32(1), "shape": (2, 3), "on": True, "w": np.zeros(3)})
    library.kernel("step", constants={1.5: 4})  # type: ignore[dict-item]
    library.kernel("step", constants={"n": "4"})  # type: ignore[dict-item]
    library.kernel("step", {"n": 4})  # type: ignore[call-arg]
    assert_type(library.function_constants("step"), tuple[ingot.FunctionConstant, ...])
    assert_type(kernel.label, str)
    device.compile("", math_mode="slow")  # type: ignore[arg-type]
    device.compile(b"")  # type: ignore[arg-type]
    device.compile("", "safe")  # type: ignore[call-arg]
    return kernel


async def awaiting(device: ingot.Device, kernel: ingot.Kernel, x: ingot.Buffer) -> None:
    with await device.encoder("step") as encoder:
        assert_type(encoder, ingot.CommandEncoder)
        encoder.dispatch(kernel, x, grid=x.size)
        assert_type(await encoder.commit(), ingot.Submission)
    assert_type(await asyncio.wait_for(encoder.submission, 10), ingot.Submission)


def encoders(device: ingot.Device, kernel: ingot.Kernel, x: ingot.Buffer) -> None:
    with device.encoder(label="work", ordering="serial") as encoder:
        assert_type(encoder, ingot.CommandEncoder)
        encoder.dispatch(kernel, x, x, 2.0, grid=x.size)
        encoder.dispatch(kernel, x, grid=(4, 4), group=(2, 2), a=np.float32(2), tile=ingot.threadgroup(64))
        encoder.dispatch(kernel, x, (1.0, 2.0), b"bytes", None, groups=4, group=256)
        submission = encoder.commit()
        assert_type(submission, ingot.Submission)
    assert_type(submission.wait(timeout=1.5), None)
    assert_type(submission.done(), bool)
    assert_type((submission.gpu_time, submission.host_time), tuple[float, float])
    assert_type(submission.add_done_callback(lambda done: done.gpu_time), None)
    submission.add_done_callback(print)
    submission.add_done_callback(len)  # type: ignore[arg-type]
    assert_type(submission.error, ingot.CommandBufferError | None)
    encoder.dispatch(kernel, x, grid="4")  # type: ignore[arg-type]
    encoder.dispatch(x, x, grid=4)  # type: ignore[arg-type]
    by_hand = device.encoder(ordering="manual")
    by_hand.copy(x[0], x[1])
    by_hand.fill(x, 2.0)
    by_hand.barrier(x, x)
    assert_type(by_hand.ordering, Literal["automatic", "serial", "manual"])
    assert_type((by_hand.dispatches, by_hand.barriers, by_hand.barriers_spared), tuple[int, int, int])
    by_hand.copy(x, np.zeros(4))  # type: ignore[arg-type]
    by_hand.fill(x, "0")  # type: ignore[arg-type]
    device.encoder(ordering="parallel")  # type: ignore[arg-type]


def bound_kernels(device: ingot.Device, kernel: ingot.Kernel, x: ingot.Buffer) -> None:
    bound = kernel.bind(x, a=2.0, uses=[(x, "r"), (x, "rw")])
    assert_type(bound, ingot.BoundKernel)
    assert_type(bound.kernel, ingot.Kernel)
    assert_type(bound.device, ingot.Device)
    assert_type(bound(grid=4, group=2), ingot.Submission)
    assert_type(kernel(x, a=2.0, grid=4, uses=[(x, "w")]), ingot.Submission)
    assert_type(x.gpu_address, int)
    uses: list[ingot.Use] = [(x, "r")]
    with device.encoder() as encoder:
        encoder.dispatch(bound, grid=4)
        encoder.dispatch(kernel, x, grid=4, uses=uses)
        encoder.commit()
    kernel.bind(x, uses=[(x, "x")])  # type: ignore[list-item]
    bound(a=2.0)  # type: ignore[call-arg]


def queues(device: ingot.Device, x: ingot.Buffer) -> None:
    queue = device.queue("uploads")
    assert_type(queue, ingot.Queue)
    assert_type(device.default_queue.label, str | None)
    event = device.event(label="loaded")
    assert_type(event.value, int)
    event.signal(np.uint64(4))
    assert_type(event.wait(3, timeout=1.5), None)
    with queue.encoder("copy", ordering="serial") as encoder:
        assert_type(encoder.queue, ingot.Queue)
        encoder.wait(event, 1)
        encoder.signal(event, 2)
    with device.session("layer") as session:
        assert_type(session, ingot.EncoderSession)
        assert_type(session.begin_stage("a"), ingot.CommandEncoder)
        assert_type(session.fence_stage(), ingot.Submission)
        assert_type(session.event, ingot.Event | None)
    assert_type(queue.session().is_drained, bool)
    queue.synchronize(1)
    event.signal(1.5)  # type: ignore[arg-type]
    encoder.wait(1, event)  # type: ignore[arg-type]
    encoder.signal(x, 1)  # type: ignore[arg-type]


def profiles(device: ingot.Device) -> None:
    with ingot.profile("trace.json", device=device, limit=100) as profile, device.encoder(profile=True) as encoder:
        submission = encoder.commit_and_wait()
    assert_type(profile, ingot.Profile)
    assert_type(profile.table(), str)
    assert_type(profile.trace(), str)
    assert_type(profile.groups, list[ingot.ProfileGroup])
    assert_type((profile.events, profile.dropped, profile.is_recording), tuple[int, int, bool])
    assert_type(profile.groups[0].mean, float)
    assert_type(submission.dispatch_times, list[ingot.DispatchTime])
    assert_type(submission.dispatch_times[0].duration, float | None)
    assert_type(submission.profile_method, str | None)
    with ingot.capture("work.gputrace", device=device):
        pass
    ingot.profile(limit="7")  # type: ignore[arg-type]
    device.encoder(profile=1)  # type: ignore[arg-type]


def errors(error: ingot.CompileError) -> None:
    assert_type((error.file, error.line, error.column, error.source_line), tuple[str, int, int, str])
    value_error: ValueError = ingot.ArgumentError()
    memory_error: MemoryError = ingot.OutOfMemoryError()
    timeout_error: TimeoutError = ingot.WaitTimeoutError()
    base: list[ingot.IngotError] = [ingot.ArgumentError(), ingot.InFlightError(), ingot.CommandBufferError("")]
    del value_error, memory_error, timeout_error, base


def graphs(device: ingot.Device, kernel: ingot.Kernel, x: ingot.Buffer) -> None:
    with device.record("step", ordering="manual") as step:
        assert_type(step, ingot.Graph)
        step.dispatch(kernel, x, a=2.0, grid=4)
        step.barrier(x)
    assert_type(step.replay(), ingot.Submission)
    assert_type(step.replay({x: x, (2, "x"): x}, a=np.float32(1), by=(1, 2)), ingot.Submission)
    assert_type(step.replace({x: x}), ingot.Graph)
    with device.encoder() as encoder:
        assert_type(step.encode(encoder, a=1.0), None)
    assert_type((step.dispatches, step.barriers), tuple[int, int])
    step.replay({"x": x})  # type: ignore[dict-item]
    step.replay(replacements={x: x})  # type: ignore[arg-type]
    device.record(ordering="random")  # type: ignore[arg-type]
