"""Which pool a buffer is of, and what a pool says of itself and is told."""

from __future__ import annotations

import pytest

import ingot


@pytest.fixture
def pool(device: ingot.Device) -> ingot.Pool:
    return ingot.Pool(device)


def test_a_buffer_knows_its_pool(pool: ingot.Pool) -> None:
    device = pool.device
    assert device.zeros(4).pool is device.pool
    assert pool.zeros(4)[1:].pool is pool
    with pool:
        assert device.buffer(4, lazy=True).pool is pool
    assert device.zeros(4, exact=True).pool is None
    other = ingot.Pool(device)
    left = other.zeros(4)
    del other
    assert left.pool is None
    left.close()
    with pytest.raises(ingot.ClosedError):
        left.pool  # noqa: B018, which raises


def test_blocks_that_are_used_are_counted(pool: ingot.Pool) -> None:
    buffers = [pool.empty(10), pool.empty(10), pool.empty(1 << 20)]
    assert pool.statistics().used_blocks == 3
    del buffers[1:]
    assert pool.statistics().used_blocks == 1


@pytest.mark.parametrize("decay", [None, float("inf"), 1 << 40])
def test_what_decays_never_says_so(pool: ingot.Pool, decay: float | None) -> None:
    pool.set_decay(decay)
    assert pool.get_decay() is None


def test_a_fraction_that_is_no_number_is_named(pool: ingot.Pool) -> None:
    with pytest.raises(ingot.ArgumentError, match="'half'"):
        pool.set_limit(fraction="half")  # type: ignore[arg-type]


def test_thousands_of_pools_end_in_any_order(device: ingot.Device) -> None:
    pools = [ingot.Pool(device) for _ in range(3000)]
    for one in pools:
        one.__enter__()
    for one in pools:
        one.__exit__(None, None, None)
    assert device.zeros(4).pool is device.pool
