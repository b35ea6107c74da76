"""Memory that others have made: wrapped without a copy, kept as long as it is used, or refused."""

from __future__ import annotations

import array
import mmap
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels import ADD
from test_aligned import Lent, address
from test_buffer import ALL_DTYPES, same, sample

import ingot
from ingot import _native_owners

if TYPE_CHECKING:
    from pathlib import Path

PAGE = 16384


def aligned(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same, where it can be wrapped."""
    copy = ingot.aligned_empty(values.shape, values.dtype)
    copy[...] = values
    return copy


def add(buffer: ingot.Buffer, value: int) -> None:
    """On the device."""
    kernel = buffer.device.compile(ADD).kernel(f"add_{buffer.dtype.name}")
    with buffer.device.encoder() as encoder:
        encoder.dispatch(kernel, buffer, value, grid=buffer.size)
        encoder.commit_and_wait()


@pytest.mark.parametrize("dtype", ALL_DTYPES)
def test_wrapped_arrays_are_the_same_memory(device: ingot.Device, dtype: str) -> None:
    values = aligned(sample(dtype, (3, 5)))
    expected = values.copy()
    buffer = device.wrap(values, label="mine")
    assert same(buffer.numpy(), expected)
    assert address(buffer.numpy()) == address(values)
    assert (buffer.label, buffer.device, buffer.offset, buffer.total_nbytes) == ("mine", device, 0, PAGE)
    values.view(np.uint8)[0, :3] = 1
    assert same(buffer.numpy(), values)
    if dtype != "bool":
        before = values.astype(np.float64) if dtype == "bfloat16" else values.copy()
        add(buffer, 1)
        with np.errstate(over="ignore", invalid="ignore"):
            assert np.array_equal(
                values[0, 0], (before[0, 0] + before.dtype.type(1)).astype(values.dtype), equal_nan=True
            )


def test_wrapped_arrays_of_no_dimensions(device: ingot.Device) -> None:
    buffer = device.wrap(aligned(np.array(5, np.int32)))
    assert buffer.shape == ()
    add(buffer, 2)
    assert buffer.numpy()[()] == 7


def test_parts_of_an_array_are_windows_on_one_storage(device: ingot.Device) -> None:
    values = aligned(np.arange(4 * PAGE, dtype=np.uint32).reshape(4, PAGE))
    parts = [device.wrap(values[i]) for i in (2, 0, 3)] + [device.wrap(values[1, 5:9]), device.wrap(values[1, 7:20])]
    assert len({part.storage_id for part in parts}) == 1
    assert [part.offset for part in parts] == [2 * 4 * PAGE, 0, 3 * 4 * PAGE, 4 * PAGE + 20, 4 * PAGE + 28]
    assert all(part.total_nbytes == values.nbytes for part in parts)
    expected = values.copy()
    kernel = device.compile(ADD).kernel("add_uint32")
    with device.encoder() as encoder:  # the last two overlap, so that there must be a barrier
        for i, part in enumerate(parts):
            encoder.dispatch(kernel, part, i + 1, grid=part.size)
        encoder.commit_and_wait()
    for i, key in enumerate([2, 0, 3, (1, slice(5, 9)), (1, slice(7, 20))]):
        expected[key] += i + 1
    assert np.array_equal(values, expected)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_part_is_as_numpy_has_it(data: st.DataObject) -> None:
    device = ingot.Device.new(0)
    dtype = data.draw(st.sampled_from(["uint8", "int16", "uint32", "int64"]))
    shape = data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=3))
    values = aligned(np.arange(np.prod(shape)).astype(dtype).reshape(shape))
    expected = values.copy()
    storages = set()
    for _ in range(data.draw(st.integers(1, 5))):
        key = tuple(data.draw(st.slices(extent) | st.integers(0, extent - 1)) for extent in shape)
        key = (*key[: data.draw(st.integers(0, len(key)))], ...)
        part, model = values[key], expected[key]
        if part.size == 0 or not part.flags.c_contiguous:
            with pytest.raises(ingot.ArgumentError):
                device.wrap(part)
            continue
        buffer = device.wrap(part)
        storages.add(buffer.storage_id)
        assert same(buffer.numpy(), model)
        assert address(buffer.numpy()) == address(part)
        add(buffer, 3)
        with np.errstate(over="ignore"):
            np.add(model, model.dtype.type(3), out=model)
        assert np.array_equal(values, expected)
    assert len(storages) <= 1


def test_memory_of_other_kinds(device: ingot.Device) -> None:
    pages = aligned(np.arange(2 * PAGE, dtype=np.uint8))
    whole = mmap.mmap(-1, 4 * PAGE)
    start = -address(np.frombuffer(whole, np.uint8)) % PAGE
    whole[start : start + 256] = bytes(range(256))
    for given_ in (
        pages,
        memoryview(pages),
        memoryview(pages)[3:],
        Lent(pages),
        memoryview(whole)[start : start + PAGE],
        memoryview(whole)[start + 5 : start + 9].cast("b"),
        np.ndarray(256, np.uint8, whole, start).view(np.matrix),
    ):
        buffer = device.wrap(given_)
        array_ = np.asarray(given_)
        assert same(buffer.numpy(), array_)
        assert address(buffer.numpy()) == address(array_)
    buffer = device.from_dlpack(pages, copy=False)
    assert address(buffer.numpy()) == address(pages)


def test_tensors_of_torch(device: ingot.Device) -> None:
    torch = pytest.importorskip("torch")
    pages = aligned(np.arange(PAGE, dtype=np.float32))
    tensor = torch.from_numpy(pages).reshape(64, 256)
    for buffer in (device.from_dlpack(tensor), device.wrap(tensor)):
        assert buffer.shape == (64, 256)
        assert address(buffer.numpy()) == tensor.data_ptr()
    add(device.from_dlpack(tensor), 1)
    assert tensor.sum() == np.arange(PAGE).sum() + PAGE
    copied = device.from_dlpack(torch.arange(5))
    assert copied.numpy().tolist() == [0, 1, 2, 3, 4]
    for refused in (
        torch.zeros(3, dtype=torch.bfloat16),
        torch.zeros(3, requires_grad=True),
        torch.zeros(3, device="meta"),
    ):
        with pytest.raises(ingot.ArgumentError, match="by DLPack"):
            device.from_dlpack(refused)


REFUSED: dict[str, tuple[Any, str]] = {
    "not aligned": (np.zeros(5, np.float32), "whole pages of 16384"),
    "a part of the pages": (Lent(ingot.aligned_empty(4)), "ingot.aligned_empty"),
    "bytes": (b"some bytes", "whole pages"),
    "bytearray": (bytearray(100), "whole pages"),
    "array": (array.array("i", [1, 2]), "whole pages"),
    "transposed": (ingot.aligned_empty((4, 4)).T, "strides .* not contiguous"),
    "strided": (ingot.aligned_empty(8)[::2], "not contiguous"),
    "backwards": (ingot.aligned_empty(8)[::-1], "not contiguous"),
    "broadcast": (np.broadcast_to(ingot.aligned_empty(1), 4), "not contiguous"),
    "list": ([1, 2, 3], "a list has no memory"),
    "number": (np.float32(3), "whole pages"),
}


@pytest.mark.parametrize(("values", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_or_copied(device: ingot.Device, values: Any, reason: str) -> None:
    with pytest.raises(ingot.ArgumentError, match=reason):
        device.wrap(values)
    for copy in (None, True):
        buffer = device.wrap(values, copy=copy, label="copied")
        assert same(buffer.numpy(), np.asarray(memoryview(values) if isinstance(values, bytes | bytearray) else values))
        assert buffer.label == "copied"
    assert not _native_owners.owners


@pytest.mark.parametrize("copy", [False, None, True])
@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros(4), "MSL has no double"),
        (np.zeros(PAGE, np.complex64), "complex"),
        (ingot.aligned_empty(8).view(">f4"), "byte order"),
        (ingot.aligned_empty(8)[:0], "no elements|0"),
        (ingot.aligned_empty(8).view("M8[s]"), "dates"),
        (None, "None|object"),
        ("text", "str|Ingot has"),
        (object(), "object"),
    ],
)
def test_what_no_copy_would_help(device: ingot.Device, values: Any, reason: str, copy: bool | None) -> None:  # noqa: FBT001
    with pytest.raises(ingot.ArgumentError, match=reason):
        device.wrap(values, copy=copy)


def test_copies_only_where_it_is_asked(device: ingot.Device) -> None:
    values = aligned(np.arange(3, dtype=np.int32))
    assert np.shares_memory(device.wrap(values).numpy(), values)
    assert np.shares_memory(device.wrap(values, copy=None).numpy(), values)
    assert not np.shares_memory(device.wrap(values, copy=True).numpy(), values)
    assert not np.shares_memory(device.from_dlpack(values, copy=True).numpy(), values)
    with pytest.raises(ingot.ArgumentError, match="whole pages"):
        device.from_dlpack(np.zeros(3, np.float32), copy=False)
    assert device.from_dlpack(np.ones(3, np.float32)).numpy().sum() == 3
    for copy in (0, 1, "yes"):
        with pytest.raises(ingot.ArgumentError, match="copy="):
            device.wrap(values, copy=copy)  # type: ignore[arg-type]


@pytest.mark.parametrize("values", [5, [1, 2], b"bytes", None, object])
def test_no_dlpack(device: ingot.Device, values: Any) -> None:
    with pytest.raises(ingot.ArgumentError, match="by DLPack"):
        device.from_dlpack(values)


class Broken:
    """What says that it has memory, and has none."""

    def __init__(self, interface: object) -> None:
        self.interface = interface

    @property
    def __array_interface__(self) -> object:
        if self.interface is OSError:
            raise OSError
        return self.interface


@pytest.mark.parametrize("interface", [{}, {"version": 3}, 5, {"shape": (3,), "typestr": "<f4", "version": 3}, OSError])
def test_broken_interfaces(device: ingot.Device, interface: object) -> None:
    with pytest.raises(ingot.ArgumentError, match="Broken"):
        device.wrap(Broken(interface))
    view = memoryview(bytearray(4))
    view.release()
    with pytest.raises(ingot.ArgumentError, match="released memoryview"):
        device.wrap(view)


class OtherDevice:
    """DLPack of memory that NumPy cannot reach."""

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0

    def __dlpack__(self, **_: object) -> object:
        raise RuntimeError("no such stream")


def test_dlpack_of_another_device(device: ingot.Device) -> None:
    for take in (device.from_dlpack, device.wrap):
        with pytest.raises(ingot.ArgumentError, match="memory of the CPU"):
            take(OtherDevice())


def test_read_only_arrays_become_read_only_buffers(device: ingot.Device) -> None:
    values = aligned(np.arange(8, dtype=np.float32))
    values.flags.writeable = False
    buffer = device.wrap(values)
    for window in (buffer, buffer[2:], buffer.view(np.uint32)):
        assert not window.numpy().flags.writeable
        assert not np.asarray(window).flags.writeable
    with device.encoder() as encoder:
        with pytest.raises(ingot.ArgumentError, match="read-only"):
            encoder.dispatch(device.compile(ADD).kernel("add_float32"), buffer, 1, grid=8)
        encoder.commit()
    assert buffer.is_read_only
    assert buffer[1:].is_read_only
    assert not buffer.copy().is_read_only
    assert buffer.copy().numpy().flags.writeable
    assert np.from_dlpack(buffer).flags.writeable is False
    assert buffer.__buffer__(0).readonly


def test_parts_are_read_only_each_for_itself(device: ingot.Device) -> None:
    values = aligned(np.zeros((3, 4), np.uint32))
    first = values[0]
    first.flags.writeable = False
    buffers = [device.wrap(part) for part in (first, values[1], values)]
    assert [buffer.is_read_only for buffer in buffers] == [True, False, False]
    assert len({buffer.storage_id for buffer in buffers}) == 1
    add(buffers[2], 1)
    assert buffers[0].numpy().tolist() == [1, 1, 1, 1]


def test_memory_that_nobody_may_write(device: ingot.Device, tmp_path: Path) -> None:
    (tmp_path / "pages").write_bytes(bytes(2 * PAGE))
    values = np.memmap(tmp_path / "pages", np.uint16, "r")
    start = -address(values) % PAGE // 2
    buffer = device.wrap(values[start : start + 100])
    assert buffer.is_read_only
    assert buffer.numpy().sum() == 0
    with pytest.raises(ingot.ArgumentError, match="read-only"):
        add(buffer, 1)


def test_buffers_are_windows_on_themselves(device: ingot.Device) -> None:
    buffer = device.array(np.arange(5, dtype=np.int32), label="own")
    for wrapped in (device.wrap(buffer), device.from_dlpack(buffer), device.from_dlpack(buffer, copy=False)):
        assert wrapped.storage_id == buffer.storage_id
        assert wrapped.id != buffer.id
    copied = device.wrap(buffer, copy=True)
    assert copied.storage_id != buffer.storage_id
    assert same(copied.numpy(), buffer.numpy())


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("nbytes", [20, PAGE, 3 * PAGE])
def test_arrays_on_buffers_of_ingot_are_not_wrapped_again(device: ingot.Device, nbytes: int, exact: bool) -> None:  # noqa: FBT001
    buffer = device.zeros(nbytes, np.uint8, exact=exact)
    for values in (buffer.numpy(), buffer.numpy()[4:8]):
        with pytest.raises(ingot.ArgumentError, match="use that buffer"):
            device.wrap(values)
        assert device.wrap(values, copy=None).storage_id != buffer.storage_id


def test_a_buffer_of_another_device(device: ingot.Device) -> None:
    other = ingot.Device.new(0)
    shared = other.zeros(PAGE, np.uint8, exact=True)
    buffer = device.wrap(shared)
    assert np.shares_memory(buffer.numpy(), shared.numpy())
    assert not np.shares_memory(device.wrap(other.zeros(3), copy=None).numpy(), shared.numpy())


def test_a_buffer_of_another_device_says_what_is_wrong_with_it(device: ingot.Device) -> None:
    other = ingot.Device.new(0).zeros(4)
    other.close()
    for call in (device.wrap, device.from_dlpack):
        with pytest.raises(ingot.ClosedError):
            call(other)
