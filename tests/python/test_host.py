"""Host access: what keeps memory, what is checked, and when it is checked again."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from kernels import ADD, Spinner

import ingot
from ingot import _native, storage_memory

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pool(device: ingot.Device) -> Iterator[_native.Handle]:
    """The handle of the device's own pool."""
    pool = _native.ffi.new("ingot_pool *")
    _native.check(_native.lib.ingot_device_get_pool(device._handle, pool))
    yield pool[0]
    _native.check(_native.lib.ingot_pool_release(pool[0]))


def handles() -> int:
    gc.collect()
    return _native.live_objects()["handles"]


# ---- Views -----------------------------------------------------------------------------------------------------------


def test_no_view_before_it_is_asked_for_and_one_for_all_windows(device: ingot.Device) -> None:
    b = device.zeros((4, 8))
    rows = list(b)
    before = handles()
    arrays = [row.numpy() for row in rows] + [b.numpy(), b.numpy(), b.reshape(-1).numpy()]
    assert handles() == before + 1
    assert {array.base is None for array in arrays} == {False}
    arrays[1][3] = 7
    assert b.numpy()[1, 3] == 7


def test_forgotten_views_leave_the_arrays_of_users(device: ingot.Device, pool: _native.Handle) -> None:
    b, other = device.full(1000, 3), device.full(1000, 4, exact=True)
    kept = b[10:20].numpy()
    other.numpy()
    before = handles()
    storage_memory.forget_views(pool)
    assert handles() == before  # `kept` has it
    again = b.numpy()
    assert handles() == before + 1
    storage_memory.forget_views(pool)
    del again
    assert handles() == before
    b.close()
    assert np.all(kept == 3)
    del kept
    assert handles() == before - 2


def test_memory_of_no_pool_is_not_forgotten(device: ingot.Device, pool: _native.Handle) -> None:
    b = device.full(1000, 4, exact=True)
    b.numpy()
    before = handles()
    storage_memory.forget_views(pool)
    assert handles() == before


def test_what_is_open_of_a_pool_is_not_remembered_for_ever(device: ingot.Device) -> None:
    for _ in range(5):
        other = ingot.Device.new(0)
        other.zeros(4).numpy()
    device.zeros(4).numpy()
    gc.collect()
    assert sum(map(len, storage_memory._open_by_pool.values())) == 0
    assert len(storage_memory._open_by_pool) <= 2


def test_arrays_made_while_a_view_is_forgotten(device: ingot.Device, pool: _native.Handle) -> None:
    b = device.full(4, 1)
    for n in range(10):
        b.numpy()[:] += 1
        if n % 3 == 0:
            storage_memory.forget_views(pool)
    assert np.all(b.numpy() == 11)


def test_changed_metadata_of_an_array_is_its_own(device: ingot.Device) -> None:
    b = device.array(np.arange(6, dtype=np.int32))
    first = b.numpy()
    first.flags.writeable = False
    assert b.numpy().flags.writeable
    assert b.numpy().shape == (6,)


# ---- Checks ----------------------------------------------------------------------------------------------------------


def test_access_is_checked_again_after_each_commit(device: ingot.Device) -> None:
    spinner = Spinner(device)
    for _ in range(3):
        spinner.out.numpy()
        submission = spinner.commit(0.2, label="busy")
        with pytest.raises(ingot.InFlightError, match="busy"):
            spinner.out.numpy()
        with pytest.raises(ingot.InFlightError):
            spinner.out[0].numpy()
        submission.wait()
        spinner.out.numpy()
        spinner.out[0].numpy()


def test_a_window_is_checked_for_itself(device: ingot.Device) -> None:
    spinner = Spinner(device)
    b = device.zeros(2, np.uint32)
    first, second = b[:1], b[1:]
    for part in (b, first, second):
        part.numpy()
    with device.encoder() as encoder:
        encoder.dispatch(spinner.kernel, first, spinner.steps(0.2), grid=1)
        submission = encoder.commit()
    second.numpy()
    for part in (b, first):
        with pytest.raises(ingot.InFlightError):
            part.numpy()
    second.numpy()
    first.numpy(wait=True)
    assert submission.done()
    b.numpy()


def test_copies_are_copies(device: ingot.Device) -> None:
    b = device.array([1, 2, 3], np.int32)
    array = b.numpy(copy=True)
    array[0] = 9
    assert array.flags.owndata
    assert b.numpy().tolist() == [1, 2, 3]
    with device.encoder() as encoder:
        encoder.dispatch(device.compile(ADD).kernel("add_int32"), b, 1, grid=3)
        encoder.commit()
    assert b.numpy(wait=True, copy=True).tolist() == [2, 3, 4]
