"""Memory given to other libraries: NumPy's protocol, DLPack, the buffer protocol, pickles."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import weakref
from typing import Any

import numpy as np
import pytest
from kernels import SAXPY, Spinner
from test_buffer import ALL_DTYPES, DTYPES, same, sample

import ingot
from ingot import _native

restore: Any = pickle.loads

EXPORTS: dict[str, Any] = {
    "asarray": np.asarray,
    "from_dlpack": np.from_dlpack,
    "buffer protocol": lambda buffer: np.asarray(buffer.__buffer__(0)),
}
if sys.version_info >= (3, 12):
    EXPORTS["memoryview"] = lambda buffer: np.asarray(memoryview(buffer))


@pytest.mark.parametrize("export", EXPORTS.values(), ids=EXPORTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_exports_are_the_same_memory(device: ingot.Device, dtype: str, export: Any) -> None:
    values = sample(dtype, (6, 5))
    buffer = device.array(values)
    for window, expected in ((buffer, values), (buffer[2:5], values[2:5]), (buffer[3, 1:4], values[3, 1:4])):
        array = export(window)
        assert same(array, expected)
        assert np.shares_memory(array, window.numpy())
        assert array.flags.writeable
    buffer.flat.view(np.uint8).numpy()[:] = 1
    assert (export(buffer).view(np.uint8) == 1).all()


# From Python 3.12 on NumPy takes what `memoryview` takes, and that holds the object that it is of.
HOLDS_MORE = {"asarray", "memoryview"} if sys.version_info >= (3, 12) else set()


@pytest.mark.parametrize("export", EXPORTS.values(), ids=EXPORTS)
def test_an_export_keeps_the_memory(device: ingot.Device, export: Any) -> None:
    array = export(device.array(np.arange(5, dtype=np.float32))[1:])
    gc.collect()
    device.encoder().commit_and_wait()
    assert array.tolist() == [1, 2, 3, 4]
    array[:] = 7
    assert array.sum() == 28


@pytest.mark.parametrize("name", sorted(EXPORTS.keys() - HOLDS_MORE))
def test_an_export_keeps_nothing_else(name: str) -> None:
    export = EXPORTS[name]
    device = ingot.Device.new(0)
    before = _native.live_objects()
    array = export(device.array(np.arange(5, dtype=np.float32))[1:])
    gone = weakref.ref(device)
    del device
    gc.collect()
    assert gone() is None
    assert array.tolist() == [1, 2, 3, 4]
    # The handle that memory and buffer share; the device's own is gone.
    assert _native.live_objects()["handles"] <= before["handles"]
    array[:] = 7
    assert array.sum() == 28


if sys.version_info < (3, 12):

    def test_buffer_protocol_by_numpy_before_python_3_12(device: ingot.Device) -> None:
        view = memoryview(device.zeros((2, 3), np.uint16).numpy())
        assert (view.shape, view.format, view.readonly) == ((2, 3), "H", False)
        with pytest.raises(TypeError):
            memoryview(device.zeros(1))  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", DTYPES)
def test_buffer_protocol_has_format_and_shape(device: ingot.Device, dtype: str) -> None:
    buffer = device.zeros((2, 3, 4), dtype)
    view = buffer.__buffer__(0)
    assert (view.shape, view.itemsize, view.readonly) == ((2, 3, 4), buffer.itemsize, False)
    assert np.dtype(view.format) == buffer.dtype
    assert view.strides == buffer.numpy().strides
    assert view.c_contiguous


def test_dlpack_is_memory_of_the_cpu(device: ingot.Device) -> None:
    buffer = device.zeros(3)
    assert buffer.__dlpack_device__() == np.zeros(3).__dlpack_device__()
    assert "dltensor" in repr(buffer.__dlpack__())
    assert "dltensor_versioned" in repr(buffer.__dlpack__(max_version=(1, 0)))
    assert np.shares_memory(np.from_dlpack(buffer, copy=False), buffer.numpy())
    copied = np.from_dlpack(buffer, copy=True, device="cpu")
    assert not np.shares_memory(copied, buffer.numpy())


def test_dlpack_refuses_what_it_cannot_give(device: ingot.Device) -> None:
    buffer = device.zeros(3)
    for wish in ({"stream": 1}, {"dl_device": (8, 0)}, {"dl_device": (2, 0)}):
        with pytest.raises(ingot.ExportError, match="no DLPack of <ingot.Buffer"):
            buffer.__dlpack__(**wish)  # type: ignore[arg-type]
    assert issubclass(ingot.ExportError, BufferError)


def test_bfloat16_is_exported_as_uint16(device: ingot.Device) -> None:
    values = sample("bfloat16", (4, 3))
    buffer = device.array(values)
    assert same(np.asarray(buffer), values)
    with pytest.raises(BufferError, match=r"b\.view\(np\.uint16\)"):
        np.from_dlpack(buffer)
    with pytest.raises(BufferError, match=r"memoryview\(b\.view\(np\.uint16\)\)"):
        buffer.__buffer__(0)
    bits = buffer.view(np.uint16)
    for array in (np.from_dlpack(bits), np.asarray(bits.__buffer__(0))):
        assert same(array.view(values.dtype), values)


def test_torch_takes_the_memory(device: ingot.Device) -> None:
    torch = pytest.importorskip("torch")
    buffer = device.array(np.arange(6, dtype=np.float32).reshape(2, 3))
    tensor = torch.from_dlpack(buffer)
    assert tensor.shape == (2, 3)
    assert tensor.data_ptr() == buffer.numpy().ctypes.data
    tensor += 1
    assert buffer.numpy().sum() == 21
    half = torch.from_dlpack(device.array(sample("bfloat16", (4,))).view(np.uint16)).view(torch.bfloat16)
    assert half.shape == (4,)


def test_conversion_by_numpy(device: ingot.Device) -> None:
    buffer = device.array(np.arange(4, dtype=np.float32))
    own = buffer.numpy()
    assert np.shares_memory(buffer.__array__(), own)
    assert np.shares_memory(np.asarray(buffer, np.float32), own)
    assert np.shares_memory(np.asarray(buffer, copy=False), own)
    for copied in (np.array(buffer), np.asarray(buffer, copy=True), np.asarray(buffer, np.float64)):
        assert not np.shares_memory(copied, own)
        assert copied.tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="copy"):
        np.asarray(buffer, np.float64, copy=False)
    assert (np.add(buffer, 1) == [1, 2, 3, 4]).all()


@pytest.mark.parametrize("export", [*EXPORTS.values(), pickle.dumps, copy.copy, copy.deepcopy])
def test_exports_while_a_submission_writes(export: Any) -> None:
    spinner = Spinner(ingot.Device.new(0))
    submission = spinner.commit(0.3, label="writing")
    with pytest.raises(ingot.InFlightError, match="writing"):
        export(spinner.out)
    submission.wait()
    export(spinner.out)


@pytest.mark.parametrize("export", [*EXPORTS.values(), pickle.dumps, copy.copy])
def test_exports_of_a_closed_buffer(device: ingot.Device, export: Any) -> None:
    buffer = device.zeros(3, label="shut")
    buffer.close()
    with pytest.raises(ingot.ClosedError, match="shut"):
        export(buffer)


@pytest.mark.parametrize(
    ("dtype", "protocol"),
    [*((dtype, 5) for dtype in ALL_DTYPES), *(("bfloat16", protocol) for protocol in range(pickle.HIGHEST_PROTOCOL))],
)
def test_pickles_hold_a_copy(device: ingot.Device, dtype: str, protocol: int) -> None:
    values = sample(dtype, (5, 2, 3))
    buffer = device.array(values, label="pickled")
    restored = restore(pickle.dumps(buffer, protocol))
    assert same(restored.numpy(), values)
    assert restored.label == "pickled"
    assert restored.device is ingot.Device()
    part = restore(pickle.dumps(buffer[1:3], protocol))
    assert same(part.numpy(), values[1:3])
    assert (part.offset, part.total_nbytes) == (0, part.nbytes)
    assert same(restore(pickle.dumps(buffer[4, 1, 2], protocol)).numpy(), values[4, 1, 2, ...])


def test_pickle_leaves_the_data_out_of_band(device: ingot.Device) -> None:
    buffer = device.array(np.arange(100_000, dtype=np.int32).reshape(100, 1000))
    outside: list[pickle.PickleBuffer] = []
    text = pickle.dumps(buffer, protocol=5, buffer_callback=outside.append)
    assert len(text) < 1000
    (data,) = outside
    assert np.shares_memory(np.frombuffer(data.raw(), np.int32), buffer.numpy())
    restored = restore(text, buffers=[bytes(data.raw())])
    assert same(restored.numpy(), buffer.numpy())
    again = restore(text, buffers=outside)
    assert not np.shares_memory(again.numpy(), buffer.numpy())
    with pytest.raises(ingot.ArgumentError, match="pickled data"):
        restore(text, buffers=[b"short"])


def test_pickles_cross_processes(device: ingot.Device, environment: dict[str, str]) -> None:
    program = """
import pickle, sys, warnings
buffer = pickle.load(sys.stdin.buffer)
buffer.numpy()[:] += 1
sys.stdout.buffer.write(pickle.dumps(buffer))
"""
    given = pickle.dumps(device.array(np.arange(3, dtype=np.uint64)))
    run = subprocess.run(
        [sys.executable, "-c", program], input=given, capture_output=True, check=False, env=environment
    )
    assert run.returncode == 0, run.stderr
    assert restore(run.stdout).numpy().tolist() == [1, 2, 3]


def test_copies_of_the_copy_module_are_copies(device: ingot.Device) -> None:
    buffer = device.array(np.arange(4, dtype=np.uint8), label="once")[1:]
    for copied in (copy.copy(buffer), copy.deepcopy(buffer), copy.deepcopy({"weights": [buffer]})["weights"][0]):
        assert same(copied.numpy(), buffer.numpy())
        assert (copied.label, copied.device) == ("once", device)
        assert copied.storage_id != buffer.storage_id
    twice = copy.deepcopy([buffer, buffer])
    assert twice[0] is twice[1]


def test_what_stays_in_this_process(device: ingot.Device) -> None:
    library = device.compile(SAXPY)
    encoder = device.encoder()
    kept = [device, library, library.kernel("saxpy"), encoder, encoder.commit()]
    for thing in kept:
        with pytest.raises(TypeError, match=f"a {type(thing).__name__} belongs to this process"):
            pickle.dumps(thing)
