"""Objects of work that come and go, for volume.py: each function makes what one cycle of a class is."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from kernels import SAXPY, fault

import ingot
from ingot import _native_notify

if TYPE_CHECKING:
    from volume_memory import Cycle


def saxpy(device: ingot.Device) -> ingot.Kernel:
    return device.compile(SAXPY).kernel("saxpy")


def isolated_device(_: ingot.Device) -> Cycle:
    return lambda: ingot.Device.new(0)


def encoder(device: ingot.Device) -> Cycle:
    kernel, buffer = saxpy(device), device.zeros(16)

    def cycle() -> None:
        with suppress(KeyError), device.encoder("volume") as encoder:
            encoder.dispatch(kernel, buffer, buffer, 1.0, grid=16)
            raise KeyError  # which discards it

    return cycle


def submission(device: ingot.Device) -> Cycle:
    """With ten dispatches, so that 100,000 of them are a million."""
    kernel, buffer = saxpy(device), device.zeros(16)

    def cycle() -> None:
        with device.encoder() as encoder:
            for _ in range(10):
                encoder.dispatch(kernel, buffer, buffer, 0.0, grid=16)
            encoder.commit_and_wait()

    return cycle


def library(device: ingot.Device) -> Cycle:
    device.compile(SAXPY)
    return lambda: device.compile(SAXPY)


def kernel(device: ingot.Device) -> Cycle:
    library = device.compile(SAXPY)
    return lambda: library.kernel("saxpy")


def bound_kernel(device: ingot.Device) -> Cycle:
    kernel, buffer = saxpy(device), device.zeros(16)

    def cycle() -> None:
        bound = kernel.bind(buffer, buffer, a=0.0)
        with device.encoder() as encoder:
            encoder.dispatch(bound, grid=16)
            encoder.commit_and_wait()

    return cycle


def timed_dispatches(device: ingot.Device) -> Cycle:
    kernel, buffer = saxpy(device), device.zeros(16)

    def cycle() -> None:
        with device.encoder(profile=True) as encoder:
            encoder.dispatch(kernel, buffer, buffer, 0.0, grid=16)
            encoder.dispatch(kernel, buffer, buffer, 0.0, grid=16)
            assert len(encoder.commit_and_wait().dispatch_times) == 2

    return cycle


def failed_submission(device: ingot.Device) -> Cycle:
    def cycle() -> None:
        with suppress(ingot.CommandBufferError):
            fault(device).wait()

    return cycle


def recording(device: ingot.Device) -> Cycle:
    kernel, buffer = saxpy(device), device.zeros(16)

    def cycle() -> None:
        with device.record() as graph:
            graph.dispatch(kernel, buffer, buffer, a=0.0, grid=16)
        graph.replace(a=1.0)
        with suppress(KeyError), device.record() as graph:
            raise KeyError  # which drops it

    return cycle


def replay(device: ingot.Device) -> Cycle:
    kernel, buffer = saxpy(device), device.zeros(16)
    with device.record() as graph:
        graph.dispatch(kernel, buffer, buffer, a=0.0, grid=16)

    def cycle() -> None:
        graph.replay()
        graph.replay(x=device.zeros(16)).wait()

    return cycle


def event(device: ingot.Device) -> Cycle:
    """Between two encoders and the host."""

    def cycle() -> None:
        event = device.event("volume")
        with device.encoder() as first, device.encoder() as second:
            first.signal(event, 1)
            first.commit()
            second.wait(event, 1)
            second.signal(event, 2)
            second.commit()
        event.wait(2)

    return cycle


def queue(device: ingot.Device) -> Cycle:
    def cycle() -> None:
        queue = device.queue("volume")
        queue.encoder().commit_and_wait()

    return cycle


def session(device: ingot.Device) -> Cycle:
    kernel, buffer = saxpy(device), device.zeros(16)

    def cycle() -> None:
        with device.session("volume") as session:
            for _ in range(2):
                session.begin_stage().dispatch(kernel, buffer, buffer, 0.0, grid=16)
                session.fence_stage()
            session.begin_stage()
            session.commit_and_wait()

    return cycle


def awaited_submission(device: ingot.Device) -> Cycle:
    """In an event loop of each thread."""
    kernel, buffer = saxpy(device), device.zeros(16)
    local = threading.local()

    async def main() -> None:
        with await device.encoder() as encoder:
            encoder.dispatch(kernel, buffer, buffer, 0.0, grid=16)
            await encoder.commit()

    def cycle() -> None:
        if not hasattr(local, "runner"):
            local.runner = asyncio.Runner()
        local.runner.run(main())

    return cycle


def callback(device: ingot.Device) -> Cycle:
    def cycle() -> None:
        called = threading.Event()
        device.encoder().commit().add_done_callback(lambda _: called.set())
        assert called.wait(60)

    return cycle


def notifier(_: ingot.Device) -> Cycle:
    return _native_notify.create_notifier


def profile(device: ingot.Device) -> Cycle:
    def cycle() -> None:
        with ingot.profile(device=device) as profile:
            device.encoder("volume").commit_and_wait()
        assert profile.table()
        assert profile.trace()

    return cycle


WORK = [
    isolated_device,
    encoder,
    submission,
    library,
    kernel,
    bound_kernel,
    timed_dispatches,
    failed_submission,
    recording,
    replay,
    event,
    queue,
    session,
    awaited_submission,
    callback,
    notifier,
    profile,
]
