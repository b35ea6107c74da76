"""Lazy buffers: memory at the first use."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from kernels import ADD
from test_buffer import ALL_DTYPES

import ingot

if TYPE_CHECKING:
    from collections.abc import Callable

USES: dict[str, Callable[[ingot.Buffer], object]] = {
    "ensure_allocated": lambda b: b.ensure_allocated(),
    "numpy": lambda b: b.numpy(),
    "item": lambda b: b[0].item(),
    "fill": lambda b: b.fill(0),
    "copy": lambda b: b.copy(),
    "copy_from": lambda b: b.copy_from(np.zeros(16, np.int32)),
    "copy_from a buffer": lambda b: b.copy_from(b.device.zeros(16, np.int32)),
    "copy_to": lambda b: b.copy_to(np.empty(16, np.int32)),
    "mapped": lambda b: b.mapped("w").close(),
    "asarray": np.asarray,
    "a window's": lambda b: b[4:8].reshape(2, 2).numpy(),
    "a window's ensure_allocated": lambda b: b[15].ensure_allocated(),
    "dispatch": lambda b: added(b).discard(),
}


def added(b: ingot.Buffer) -> ingot.CommandEncoder:
    encoder = b.device.encoder()
    encoder.dispatch(b.device.compile(ADD).kernel("add_int32"), b, 1, grid=b.size)
    return encoder


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("exact", [False, True])
def test_d01_lazy_then_allocated(device: ingot.Device, use: str, exact: bool) -> None:  # noqa: FBT001
    before = device.memory_stats().used_bytes
    b = device.buffer(16, np.int32, lazy=True, exact=exact, label="late")
    windows = [b[3], b.reshape(4, 4)[1:], b.view(np.uint8), b.window(2, 3, np.float16), b.flat, b[::1]]
    assert (b.shape, b.dtype, b.nbytes, b.total_nbytes, b.label) == ((16,), np.int32, 64, 64, "late")
    assert [window.nbytes for window in windows] == [4, 48, 64, 6, 64, 64]
    assert not b.is_allocated
    assert not windows[0].is_allocated
    assert "late" in repr(b)
    assert device.memory_stats().used_bytes == before
    USES[use](b)
    assert b.is_allocated
    assert all(window.is_allocated for window in windows)
    assert device.memory_stats().used_bytes >= before + 64
    assert not np.any(b.numpy())
    b.numpy()[3] = 7
    assert windows[0].item() == 7
    assert b.storage_id == windows[0].storage_id


def test_d01_the_memory_goes_again(device: ingot.Device) -> None:
    for exact in (False, True):
        before = device.memory_stats().used_bytes
        for use in (False, True):
            b = device.buffer(1000, lazy=True, exact=exact)
            if use:
                b.ensure_allocated()
                b.ensure_allocated()
            b.close()
            assert device.memory_stats().used_bytes == before


@pytest.mark.parametrize("dtype", ALL_DTYPES)
@pytest.mark.parametrize("lazy", [False, True])
def test_zeros_in_recycled_memory(device: ingot.Device, dtype: str, lazy: bool) -> None:  # noqa: FBT001
    device.full(4096, 255, np.uint8).close()
    b = device.buffer(device.zeros(1, dtype).itemsize and 4096 // device.zeros(1, dtype).itemsize, dtype, lazy=lazy)
    assert b.is_allocated is not lazy
    assert b.numpy().tobytes() == bytes(4096)


def test_memory_of_the_pool_that_was_current(device: ingot.Device) -> None:
    with ingot.Pool(device) as pool:
        b = device.buffer(100, lazy=True)
    own = pool.buffer(100, lazy=True)
    assert pool.used_bytes() == 0
    b.ensure_allocated()
    own.ensure_allocated()
    assert pool.used_bytes() == 1024
    assert device.pool.used_bytes() == 0


def test_kernels_write_it(device: ingot.Device) -> None:
    b = device.buffer(1000, np.int32, lazy=True)
    encoder = added(b[500:])
    assert b.is_allocated
    encoder.commit_and_wait()
    assert b.numpy().tolist() == [0] * 500 + [1] * 500


def use_in_threads(b: ingot.Buffer, value: int) -> None:
    barrier = threading.Barrier(4)

    def use(number: int) -> None:
        barrier.wait()
        if number % 2:
            b[number * 1000 :][:1000].fill(value)
        else:
            b.numpy()[number * 1000 : number * 1000 + 1000] = value

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_the_first_use_of_several_threads_allocates_once(device: ingot.Device) -> None:
    for n in range(50):
        b = device.buffer(5000, np.int32, lazy=True)
        use_in_threads(b, n)
        assert device.memory_stats().storages == ingot.MemoryUse(1, 20_000)
        assert device.memory_stats().pooled.count == 1
        assert b.numpy().tolist() == [n] * 4000 + [0] * 1000
        b.close()


def test_what_cannot_be_is_refused_at_once(device: ingot.Device) -> None:
    bad: list[Any] = [0, (2, 0), -1, device.max_buffer_length + 1, (1 << 40, 1 << 40), "x"]
    for shape in bad:
        with pytest.raises(ingot.ArgumentError):
            device.buffer(shape, np.uint8, lazy=True)
    with pytest.raises(ingot.ArgumentError):
        device.buffer(4, np.float64, lazy=True)


def test_closed_before_it_was_used(device: ingot.Device) -> None:
    b = device.buffer(4, np.int32, lazy=True)
    window = b[1:]
    b.close()
    with pytest.raises(ingot.ClosedError):
        b.ensure_allocated()
    assert window.numpy().tolist() == [0, 0, 0]


@pytest.mark.software(reason="INGOT_SOFT_FAIL_ALLOCATION")
def test_no_memory_at_the_first_use(environment: dict[str, str]) -> None:
    program = """
import ingot
device = ingot.Device(0)
b = device.buffer((1000, 1000), lazy=True)
try:
    b.numpy()
except ingot.OutOfMemoryError as error:
    assert "4000000" in str(error), error
else:
    raise SystemExit("no error")
assert not b.is_allocated
b.fill(2)
assert b.is_allocated and b.numpy().sum() == 2_000_000
"""
    # With residency sets Ingot would let go of dropped memory and ask again.
    variables = environment | {"INGOT_SOFT_FAIL_ALLOCATION": "1", "INGOT_NO_RESIDENCY": "1"}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=variables)
    assert run.returncode == 0, run.stderr
