"""Buffers: what they hold, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import ingot

DTYPES = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32"]
ALL_DTYPES = [*DTYPES, "bfloat16"]
MAXIMUM = (1 << 64) - 1


def sample(dtype: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Random bits of a dtype, but for bool, which has two values."""
    chance = np.random.default_rng(7)
    if dtype == "bool":
        return chance.random(shape) < 0.5
    resolved = np.dtype(getattr(ml_dtypes, dtype, dtype))
    count = int(np.prod(shape)) * resolved.itemsize
    return np.frombuffer(chance.bytes(count), resolved).reshape(shape)


def same(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("dtype", ALL_DTYPES)
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 5), (2, 3, 4), ()])
def test_array_round_trip(device: ingot.Device, dtype: str, shape: tuple[int, ...]) -> None:
    values = sample(dtype, shape)
    buffer = device.array(values)
    assert same(buffer.numpy(), values)


def test_c16_metadata(device: ingot.Device) -> None:
    buffer = device.empty((3, 5), np.float16, label="meta")
    assert (buffer.shape, buffer.dtype, buffer.ndim) == ((3, 5), np.dtype(np.float16), 2)
    assert (buffer.size, buffer.nbytes, buffer.itemsize, len(buffer)) == (15, 30, 2, 3)
    assert (buffer.label, buffer.device) == ("meta", device)
    assert device.empty(4, np.int8).label is None


def test_c17_float32_write_and_read(device: ingot.Device) -> None:
    buffer = device.zeros(1000, np.float32)
    buffer.numpy()[:] = np.arange(1000) / 7
    assert np.array_equal(buffer.numpy(), (np.arange(1000) / 7).astype(np.float32))


def test_ids_are_never_reused(device: ingot.Device) -> None:
    seen: set[int] = set()
    for _ in range(50):
        buffer = device.zeros(1)
        assert buffer.id not in seen
        seen.add(buffer.id)
    a, b = device.zeros(1), device.zeros(1)
    assert a.storage_id != b.storage_id


@pytest.mark.parametrize("dtype", ALL_DTYPES)
def test_c23_dtype_sizes_and_names(device: ingot.Device, dtype: str) -> None:
    resolved = np.dtype(getattr(ml_dtypes, dtype, dtype))
    for spelling in (dtype, resolved, resolved.type):
        buffer = device.zeros(5, spelling)
        assert buffer.dtype == resolved
        assert buffer.dtype.name == dtype
        assert buffer.nbytes == 5 * resolved.itemsize


def test_c24_text_has_type_dtype_and_shape(device: ingot.Device) -> None:
    text = repr(device.zeros((2, 3), np.uint16, label="picture"))
    for part in ("ingot.Buffer", "uint16", "(2, 3)", "picture"):
        assert part in text


@pytest.mark.parametrize("dtype", ALL_DTYPES)
def test_zeros_and_full(device: ingot.Device, dtype: str) -> None:
    assert not device.zeros((3, 2), dtype).numpy().any()
    full = device.full(1001, 1, dtype).numpy()
    assert (full == np.ones(1001, full.dtype)).all()


def test_zeros_are_zeros_in_recycled_memory(device: ingot.Device) -> None:
    for _ in range(20):
        device.full(4096, 0xAA, np.uint8).close()
        assert not device.zeros(4096, np.uint8).numpy().any()


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (-1, "uint8"), (256, "uint8"), (128, "int8"), (1 << 63, "int64"), (-1, "uint64"), (1.5, "int32"),
        ("1", "int32"), (None, "float32"), (2, "bool"), (1e39, "float32"), (70000.0, "float16"), (3.4e38, "bfloat16"),
        (1j, "float32"), (10**400, "float32"), (np.float32(0.5), "uint8"), ([1], "float32"),
    ],
)  # fmt: skip
def test_full_refuses_what_the_dtype_cannot_hold(device: ingot.Device, value: object, dtype: str) -> None:
    with pytest.raises(ingot.ArgumentError, match=dtype):
        device.full(4, value, dtype)


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (255, "uint8", 255), (-128, "int8", -128), (True, "bool", True), (1, "bool", True), (True, "int8", 1),
        (2, "float32", 2.0), (float("inf"), "float32", np.inf), (float("-inf"), "bfloat16", -np.inf),
        (65504, "float16", 65504.0), (np.int64(3), "uint8", 3), (np.float64(0.5), "float32", 0.5),
        (1 + 2**-8, "bfloat16", 1.0), (1 + 3 * 2**-8, "bfloat16", 1 + 2**-6), (MAXIMUM, "uint64", MAXIMUM),
    ],
)  # fmt: skip
def test_full_takes_what_the_dtype_holds(device: ingot.Device, value: object, dtype: str, expected: object) -> None:
    assert (device.full(3, value, dtype).numpy() == expected).all()


def test_full_of_nan(device: ingot.Device) -> None:
    for dtype in ("float16", "bfloat16", "float32"):
        assert np.isnan(device.full(3, float("nan"), dtype).numpy().astype(np.float32)).all()


def test_array_likes(device: ingot.Device) -> None:
    assert same(device.array([[1, 2], [3, 4]], np.int16).numpy(), np.array([[1, 2], [3, 4]], np.int16))
    assert same(device.array(range(5), "float32").numpy(), np.arange(5, dtype=np.float32))
    assert same(device.array(7).numpy(), np.array(7))
    assert same(device.array([True, False]).numpy(), np.array([True, False]))
    assert same(device.array(memoryview(b"abc")).numpy(), np.frombuffer(b"abc", np.uint8))
    assert same(device.array(device.array([1.5], np.float32)).numpy(), np.array([1.5], np.float32))


def test_arrays_that_are_not_contiguous_are_copied_in_order(device: ingot.Device) -> None:
    values = np.arange(60, dtype=np.int32).reshape(3, 4, 5)
    for view in (values[::-1], values.T, values[:, 1:3], values[..., ::2], np.broadcast_to(values[0], (2, 4, 5))):
        assert same(device.array(view).numpy(), np.ascontiguousarray(view))


def test_array_is_a_copy_and_numpy_is_not(device: ingot.Device) -> None:
    values = np.zeros(8, np.float32)
    buffer = device.array(values)
    values[:] = 1
    assert not buffer.numpy().any()
    first, second = buffer.numpy(), buffer.numpy()
    first[3] = 5
    assert second[3] == 5
    assert np.shares_memory(first, second)
    assert np.shares_memory(np.asarray(buffer), first)
    assert not np.shares_memory(np.array(buffer), first)
    assert np.asarray(buffer, np.float64).dtype == np.float64


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros(3), "MSL has no double"),
        ([1.0, 2.0], "MSL has no double"),
        (np.zeros(3, np.longdouble), "MSL has no double"),
        (np.zeros(3, np.complex64), "MSL has no complex"),
        (np.zeros(3, ">f4"), "byte order"),
        (np.zeros(3, "datetime64[s]"), "MSL has no dates"),
        (np.zeros(3, "timedelta64[s]"), "MSL has no time spans"),
        (np.zeros(3, "f4,i4"), "view"),
        (np.array(["a"]), "Ingot has"),
        (np.array([object()]), "Ingot has"),
        ("text", "Ingot has"),
        ([[1, 2], [3]], "NumPy makes no array"),
    ],
)
def test_unsupported_dtypes_say_why(device: ingot.Device, values: object, reason: str) -> None:
    with pytest.raises(ingot.ArgumentError, match=reason):
        device.array(values)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["float64", np.complex128, "no such dtype", object, "O", ">i4", "f4,f4"])
def test_unsupported_dtypes_in_all_makers(device: ingot.Device, dtype: Any) -> None:
    for make in (device.zeros, device.empty, lambda n, t: device.full(n, 1, t), lambda n, t: device.array([0] * n, t)):
        with pytest.raises(ingot.ArgumentError):
            make(4, dtype)


@pytest.mark.parametrize("shape", [0, (0,), (3, 0), (0, 1 << 40)])
def test_c21_c90_zero_bytes_are_refused(device: ingot.Device, shape: Any) -> None:
    for make in (device.zeros, device.empty, lambda s: device.full(s, 1)):
        with pytest.raises(ingot.ArgumentError, match="0"):
            make(shape)
    with pytest.raises(ingot.ArgumentError, match="0"):
        device.array(np.zeros(3 if shape == 0 else 0, np.float32)[:0])


@pytest.mark.parametrize(
    "shape",
    [-1, (4, -4), 1 << 62, 1 << 63, (1 << 64) - 1, 1 << 64, (1 << 32, 1 << 32), (1 << 21,) * 3, (1,) * 33, "4", 1.5,
     (2.0,), None, [[1]], {1}],
)  # fmt: skip
def test_impossible_shapes(device: ingot.Device, shape: Any) -> None:
    with pytest.raises(ingot.ArgumentError):
        device.zeros(shape)
    assert device.zeros(4).numpy().sum() == 0


@pytest.mark.parametrize("shape", [np.array([2, 3]), range(2, 4), (np.uint8(2), np.int64(3))])
def test_spellings_of_a_shape(device: ingot.Device, shape: Any) -> None:
    assert device.zeros(shape).shape == (2, 3)


@pytest.mark.parametrize("dtype", [[("a", "f4"), ("a", "f4")], {"names": ["a"], "formats": []}, ",", "\udc80"])
def test_dtypes_that_numpy_cannot_read(device: ingot.Device, dtype: Any) -> None:
    with pytest.raises(ingot.ArgumentError, match="is no dtype"):
        device.zeros(2, dtype)


def test_arrays_whose_copy_would_be_too_large(device: ingot.Device) -> None:
    with pytest.raises(ingot.ArgumentError, match="Use several smaller ones"):
        device.array(np.broadcast_to(np.float32(1), 1 << 40))
    with pytest.raises(ingot.OutOfMemoryError):
        device.array(np.broadcast_to(np.float64(1), 1 << 55), np.float32)


def test_numbers_too_long_to_print(device: ingot.Device) -> None:
    huge = 10**5000
    for refused in (lambda: device.zeros(huge), lambda: device.full(2, huge), lambda: ingot.threadgroup(huge)):
        with pytest.raises(ingot.ArgumentError, match="int"):
            refused()


def test_c25_too_large_names_the_numbers(device: ingot.Device) -> None:
    nbytes = device.max_buffer_length + 4
    with pytest.raises(ingot.ArgumentError) as caught:
        device.empty(nbytes // 4, np.float32)
    assert str(nbytes // 4 * 4) in str(caught.value)
    assert str(device.max_buffer_length) in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_up_to_32_dimensions(device: ingot.Device) -> None:
    shape = (*[1] * 30, 2, 3)
    assert device.zeros(shape).numpy().shape == shape


def test_labels(device: ingot.Device) -> None:
    assert device.zeros(1, label="naïve 𝄞").label == "naïve 𝄞"
    for label in ("a\0b", 5):
        with pytest.raises(ingot.ArgumentError, match="label"):
            device.zeros(1, label=label)  # type: ignore[arg-type]


def test_closing(device: ingot.Device) -> None:
    buffer = device.zeros(4, label="done")
    kept = buffer.numpy()
    buffer.close()
    buffer.close()
    assert buffer.is_closed
    assert "closed" in repr(buffer)
    assert buffer.shape == (4,)
    kept[:] = 7
    assert kept.sum() == 28
    for use in (buffer.numpy, lambda: np.asarray(buffer), lambda: buffer.id, lambda: buffer.storage_id):
        with pytest.raises(ingot.ClosedError, match="done"):
            use()
    with device.zeros(4) as other:
        assert not other.is_closed
    assert other.is_closed


def test_length_and_truth(device: ingot.Device) -> None:
    assert len(device.zeros((5, 2))) == 5
    scalar = device.array(np.float32(1))
    with pytest.raises(TypeError, match="without dimensions"):
        len(scalar)
    assert bool(scalar)


@pytest.mark.software(reason="INGOT_SOFT_FAIL_ALLOCATION")
def test_out_of_memory_is_an_exception_and_the_device_stays_usable(environment: dict[str, str]) -> None:
    program = """
import ingot
device = ingot.Device(0)
kept = device.full(4, 1)
try:
    device.zeros((1000, 1000))
except ingot.OutOfMemoryError as error:
    assert isinstance(error, MemoryError) and "4000000" in str(error), error
else:
    raise SystemExit("no error")
assert device.full((1000, 1000), 2).numpy().sum() == 2_000_000 and kept.numpy().sum() == 4
"""
    # With residency sets Ingot would let go of dropped memory and ask again.
    variables = environment | {"INGOT_SOFT_FAIL_ALLOCATION": "2", "INGOT_NO_RESIDENCY": "1"}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=variables)
    assert run.returncode == 0, run.stderr


def test_the_base_of_an_array_changes_no_other_array(device: ingot.Device) -> None:
    buffer = device.zeros((4, 4))
    base = buffer.numpy().base
    assert isinstance(base, np.ndarray)
    base.shape = (2, 32)
    base.setflags(write=False)
    array = buffer.numpy()
    assert array.shape == (4, 4)
    array[:] = 1
    assert buffer.numpy().sum() == 16
