"""Several queues of a device."""

from __future__ import annotations

import gc
import pickle

import numpy as np
import pytest
from kernels import GATE

import ingot
from ingot import _native


def test_a_queue_has_encoders_of_its_own(device: ingot.Device) -> None:
    queue, x = device.queue("uploads"), device.zeros(8, np.uint8)
    assert queue.device is device
    assert queue.label == "uploads"
    assert "'uploads'" in repr(queue)
    with queue.encoder("fill", "serial") as encoder:
        assert (encoder.queue, encoder.label, encoder.ordering) == (queue, "fill", "serial")
        encoder.fill(x, 2)
        assert encoder.commit_and_wait().label == "fill"
    assert (x.numpy() == 2).all()
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(queue)


def test_the_device_has_one_already(device: ingot.Device) -> None:
    own = device.default_queue
    assert device.default_queue is own
    assert own.label is None
    encoder = device.encoder()
    assert encoder.queue is own
    encoder.discard()
    own.encoder().commit_and_wait()
    assert device.statistics().submissions == 1


def test_a_queue_that_waits_holds_up_no_other(device: ingot.Device) -> None:
    queue, event, x = device.queue(), device.event(), device.zeros(8, np.uint8)
    with queue.encoder("held") as encoder:
        encoder.wait(event, 1)
        encoder.fill(x, 1)
        held = encoder.commit()
    device.encoder().commit_and_wait()
    device.default_queue.synchronize()
    assert not held.done()
    statistics = device.statistics()
    assert (statistics.submissions, statistics.unfinished) == (2, 1)
    for wait in (queue.synchronize, device.synchronize):
        with pytest.raises(ingot.WaitTimeoutError, match="'held'"):
            wait(0.01)
    with pytest.raises(ingot.InFlightError, match="'held'"):
        x.numpy()
    event.signal(1)
    device.synchronize()
    assert (x.numpy() == 1).all()


def test_a_queue_that_is_dropped_takes_nothing_down(device: ingot.Device) -> None:
    event, x = device.event(), device.zeros(8, np.uint8)
    before = _native.live_objects()
    for value in range(1, 4):
        with device.queue().encoder() as encoder:
            encoder.wait(event, value)
            encoder.fill(x, value)
            encoder.signal(event, value + 1)
            encoder.commit()
    del encoder
    gc.collect()
    assert _native.live_objects()["queues"] == before["queues"]
    event.signal(1)
    device.synchronize()
    assert (x.numpy() == 3).all()
    assert device.statistics().submissions == 3


def test_each_queue_has_its_own_command_buffers(device: ingot.Device) -> None:
    queue, x = device.queue(), device.zeros(8, np.uint8)

    def begin(queue: ingot.Queue) -> ingot.CommandEncoder:
        encoder = queue.encoder()
        encoder.fill(x, 1)
        return encoder

    begun = [begin(each) for each in (queue, device.default_queue) for _ in range(63)]
    for each in (queue, device.default_queue):
        with pytest.raises(ingot.StateError, match="63 encoders"), each.encoder() as encoder:
            encoder.fill(x, 1)
    for encoder in begun:
        encoder.discard()
    begin(queue).commit_and_wait()


def test_queues_are_ordered_by_events(device: ingot.Device) -> None:
    stamp = device.compile(GATE).kernel("stamp")
    queues, event, x = [device.queue() for _ in range(3)], device.event(), device.zeros((40, 8), np.uint8)
    for step in range(40):
        with queues[step % 3].encoder() as encoder:
            encoder.wait(event, step)
            if step:
                encoder.copy(x[step - 1], x[step])
            encoder.dispatch(stamp, x[step, : step % 8 + 1], step, grid=step % 8 + 1)
            encoder.signal(event, step + 1)
            encoder.commit()
    event.wait(40)
    device.synchronize()
    expected = np.zeros((40, 8), np.uint8)
    for step in range(40):
        expected[step] = expected[step - 1] if step else 0
        expected[step, : step % 8 + 1] = step
    assert np.array_equal(x.numpy(), expected)


def test_residency_sets_are_those_of_all_queues(device: ingot.Device) -> None:
    count = device.statistics().residency_sets
    queue = device.queue()
    made = device.residency_set("weights")
    x = device.zeros(8, np.uint8)
    made.add(x)
    made.commit()
    with queue.encoder() as encoder:
        encoder.fill(x, 1)
        encoder.commit_and_wait()
    assert device.statistics().residency_sets == count + 1
    made.close()
    queue.encoder().commit_and_wait()
    assert device.statistics().residency_sets == count
