"""Who owns wrapped memory: kept as long as it is used, and let go of on a thread of Python's."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from typing import Any

import numpy as np
import pytest
from conftest import left_over
from kernels import Spinner
from test_import import PAGE, add, aligned

import ingot
from ingot import _native, _native_owners


def owners_go(device: ingot.Device) -> bool:
    """Whether all owners of wrapped memory are let go of, now that nothing uses them."""
    deadline = time.monotonic() + 10
    while _native_owners.owners and time.monotonic() < deadline:
        gc.collect()
        device.encoder().commit_and_wait()
    return not _native_owners.owners


def test_owners_stay_as_long_as_a_buffer_or_an_array(device: ingot.Device) -> None:
    values = aligned(np.arange(4, dtype=np.uint8))
    owner = weakref.ref(values.base)
    buffer = device.wrap(values)
    again = device.wrap(values[1:])
    array_ = again[1:].numpy()
    del values, buffer, again
    gc.collect()
    device.encoder().commit_and_wait()
    assert owner() is not None
    assert array_.tolist() == [2, 3]
    array_[:] = 9
    del array_
    assert owners_go(device)
    assert owner() is None


def test_owners_stay_until_the_gpu_is_done_and_go_on_a_thread_of_python() -> None:
    device = ingot.Device.new(0)
    spinner = Spinner(device)
    values = aligned(np.zeros(4, np.uint32))
    ended: list[threading.Thread] = []
    owner = weakref.ref(values.base, lambda _: ended.append(threading.current_thread()))
    spinner.out = device.wrap(values)
    submission = spinner.commit(0.5)
    spinner.out = device.zeros(1, np.uint32)
    del values
    gc.collect()
    device.zeros(1)  # where owners are let go of
    is_kept = owner() is not None
    assert not submission.done(), "too slow a machine for this test"
    assert is_kept
    submission.wait()
    del submission
    assert owners_go(device)
    assert owner() is None
    assert ended == [threading.main_thread()]


@pytest.mark.parametrize("let_go", ["allocation", "commit", "wait", "wait for a buffer"])
def test_where_owners_are_let_go_of(let_go: str) -> None:
    device = ingot.Device.new(0, residency=False)  # no set keeps the memory until its next commit
    spinner = Spinner(device)
    submission = spinner.commit(0.2)
    actions: dict[str, Any] = {
        "allocation": lambda: device.zeros(1),
        "commit": lambda: device.encoder().commit(),
        "wait": submission.wait,
        "wait for a buffer": lambda: spinner.out.numpy(wait=True),
    }
    device.wrap(ingot.aligned_empty(1))
    assert len(_native_owners.owners) == 1
    actions[let_go]()
    assert not _native_owners.owners


def test_failures_keep_no_owner(device: ingot.Device) -> None:
    own = device.zeros(PAGE, np.uint8, exact=True)
    values = ingot.aligned_empty(4)
    for wrong in (lambda: device.wrap(own.numpy()), lambda: device.wrap(values, label="a\0b")):
        with pytest.raises(ingot.ArgumentError):
            wrong()
    assert not _native_owners.owners


def test_wrapping_many_leaves_nothing(device: ingot.Device) -> None:
    before = _native.live_objects()
    for _ in range(300):
        device.wrap(ingot.aligned_empty(10))
    assert owners_go(device)
    assert left_over(before) == {}


def test_threads_wrap_parts_of_one_array(device: ingot.Device) -> None:
    values = aligned(np.zeros((8, 1000), np.uint32))
    ids: list[int] = []

    def work(row: int) -> None:
        for _ in range(20):
            buffer = device.wrap(values[row])
            ids.append(buffer.storage_id)
            add(buffer, 1)

    kept = device.wrap(values)
    threads = [threading.Thread(target=work, args=(row,)) for row in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (values == 20).all()
    assert set(ids) == {kept.storage_id}


def test_any_number_of_parts_has_one_owner(device: ingot.Device) -> None:
    """What keeps the whole keeps its parts: a loop over windows of an array must not add up."""
    whole = aligned(np.zeros(8 * PAGE, np.uint8))
    kept = device.wrap(whole)
    for index in range(1000):
        part = device.wrap(whole[index % 8 * PAGE :][:16])
        assert part.storage_id == kept.storage_id
    _native_owners.release_owners()
    assert len(_native_owners.owners) == 1
    del part
    kept.fill(3)
    assert whole.min() == 3
    owner = weakref.ref(whole.base)
    del whole, kept
    assert owners_go(device)
    assert owner() is None


def test_parts_with_an_end_of_their_own_are_kept_each(device: ingot.Device) -> None:
    class Part:
        def __init__(self, whole: Any, number: int) -> None:
            self.__array_interface__ = whole[number].__array_interface__
            self.whole = whole

        def __del__(self) -> None:
            ended.append(self)

    ended: list[Part] = []
    pages = ingot.aligned_empty((4, PAGE // 4))
    whole = device.wrap(pages)
    part = device.wrap(Part(pages, 1))
    part.fill(1)
    device.zeros(1)
    gc.collect()
    assert not ended
    del part, whole
    gc.collect()
    device.zeros(1)
    assert owners_go(device)
    assert len(ended) == 1
