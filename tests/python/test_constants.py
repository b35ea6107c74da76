"""Function constants: kernels with values compiled in, one for each set of values."""

from __future__ import annotations

import threading
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import ingot

SOURCE = """
#include <metal_stdlib>
using namespace metal;

constant int n [[function_constant(100)]];
constant bool has_bias [[function_constant(7)]];
constant float scale_given [[function_constant(3)]];
constant float scale = is_function_constant_defined(scale_given) ? scale_given : 1;

kernel void steps(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  float sum = 0;
  for (int step = 0; step < n; ++step) sum += 1;
  out[i] = sum;
}
kernel void biased(device float *out [[buffer(0)]],
                   device const float *bias [[buffer(1), function_constant(has_bias)]],
                   uint i [[thread_position_in_grid]]) {
  out[i] = i * scale + (has_bias ? bias[i] : 0);
}
kernel void plain(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) { out[i] = i; }
"""

SCALARS = {
    "bool": np.True_,
    "char": np.int8(-100),
    "uchar": np.uint8(200),
    "short": np.int16(-30000),
    "ushort": np.uint16(60000),
    "int": np.int32(-70000),
    "uint": np.uint32(3_000_000_000),
    "long": np.int64(-1 << 40),
    "ulong": np.uint64(1 << 63),
    "half": np.float16(0.25),
    "bfloat": ml_dtypes.bfloat16(1.5),
    "float": np.float32(0.1),
}


@pytest.fixture
def library(device: ingot.Device) -> ingot.Library:
    return device.compile(SOURCE)


def run(kernel: ingot.Kernel, **arguments: Any) -> list[float]:
    out = kernel.device.zeros(4, np.float32)
    with kernel.device.encoder() as encoder:
        encoder.dispatch(kernel, out=out, grid=4, **arguments)
        encoder.commit_and_wait()
    return [float(value) for value in out.numpy()]


def typed(device: ingot.Device, kind: str, width: int = 1) -> ingot.Library:
    """A library whose kernel `k` writes the components of the constant `value`, index 2."""
    name = kind if width == 1 else f"{kind}{width}"
    component = "value" if width == 1 else f"value[i % {width}]"
    return device.compile(
        f"#include <metal_stdlib>\nusing namespace metal;\nconstant {name} value [[function_constant(2)]];\n"
        "kernel void k(device float *out, uint i [[thread_position_in_grid]]) {\n"
        f"  out[i] = float({component});\n}}\n"
    )


def test_c54_label_has_the_constants(library: ingot.Library) -> None:
    kernel = library.kernel("steps", constants={"n": 7})
    assert kernel.label == "steps|100:i7"
    assert kernel.name == "steps"
    assert repr(kernel) == "<ingot.Kernel steps|100:i7(out)>"
    assert library.kernel("biased", constants={7: False, "scale_given": 0.5}).label == "biased|3:f0.5|7:b0"
    assert library.kernel("plain").label == "plain"


def test_c55_each_set_is_one_kernel(library: ingot.Library) -> None:
    before = ingot._native.live_objects()["kernels"]
    four = library.kernel("steps", constants={"n": 4})
    eight = library.kernel("steps", constants={"n": 8})
    assert four is not eight
    assert ingot._native.live_objects()["kernels"] == before + 2
    assert run(four) == [4] * 4
    assert run(eight) == [8] * 4
    assert library.kernel("steps", constants={100: 4}) is four
    assert library.kernel("steps", constants={np.int64(100): np.int32(4)}) is four
    assert ingot._native.live_objects()["kernels"] == before + 2
    bias = library.kernel("biased", constants={"has_bias": True})
    assert library.kernel("biased", constants={7: np.True_}) is bias
    assert ingot._native.live_objects()["kernels"] == before + 3


def test_order_does_not_matter(library: ingot.Library) -> None:
    kernel = library.kernel("biased", constants={"has_bias": False, "scale_given": 2})
    assert library.kernel("biased", constants={"scale_given": 2.0, "has_bias": False}) is kernel
    assert run(kernel) == [0, 2, 4, 6]


def test_threads_get_the_same_kernel(library: ingot.Library) -> None:
    kernels: list[ingot.Kernel] = []
    threads = [
        threading.Thread(target=lambda k=k: kernels.append(library.kernel("steps", constants={"n": 20 + k % 2})))
        for k in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kernels) == 16
    assert len(set(map(id, kernels))) == 2


def test_arguments_of_a_specialisation(library: ingot.Library, device: ingot.Device) -> None:
    bias = device.array(np.arange(1, 5, dtype=np.float32))
    whole = library.kernel("biased", constants={"has_bias": True})
    assert [argument.name for argument in whole.arguments] == ["out", "bias"]
    assert run(whole, bias=bias) == [1, 3, 5, 7]
    without = library.kernel("biased", constants={"has_bias": False})
    assert [argument.name for argument in without.arguments] == ["out"]
    assert run(without) == [0, 1, 2, 3]
    with pytest.raises(ingot.ArgumentError, match="bias"):
        run(without, bias=bias)


def test_reflection(library: ingot.Library) -> None:
    scale, has_bias = library.function_constants("biased")
    assert (scale.name, scale.index, scale.dtype, scale.width) == ("scale_given", 3, np.dtype(np.float32), 1)
    assert not scale.is_required
    assert (has_bias.name, has_bias.index, has_bias.dtype) == ("has_bias", 7, np.dtype(np.bool_))
    assert has_bias.is_required
    assert library.function_constants("plain") == ()
    with pytest.raises(ingot.ArgumentError, match="no kernel 'nobody'"):
        library.function_constants("nobody")
    kernel = library.kernel("biased", constants={7: True, 3: 0.5})
    assert kernel.constants == {"scale_given": np.float32(0.5), "has_bias": np.True_}
    assert all(isinstance(value, np.generic) for value in kernel.constants.values())
    with pytest.raises(TypeError):
        kernel.constants["n"] = np.int32(1)  # type: ignore[index]
    assert not library.kernel("plain").constants


def test_empty_constants_are_none(library: ingot.Library) -> None:
    assert library.kernel("plain", constants={}) is library.kernel("plain")
    assert library.kernel("plain", constants=None) is library.kernel("plain")


@pytest.mark.parametrize("kind", SCALARS)
@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_types(device: ingot.Device, kind: str, width: int) -> None:
    library, scalar = typed(device, kind, width), SCALARS[kind]
    (constant,) = library.function_constants("k")
    assert (constant.index, constant.dtype, constant.width) == (2, scalar.dtype, width)
    value = scalar if width == 1 else np.array([scalar] * (width - 1) + [1], scalar.dtype)
    kernel = library.kernel("k", constants={"value": value})
    parts = np.atleast_1d(np.asarray(value, np.float32))
    assert run(kernel) == [parts[i % width] for i in range(4)]
    assert np.array_equal(kernel.constants["value"], value)
    assert kernel.constants["value"].dtype == scalar.dtype
    plain = scalar.item() if width == 1 else [part.item() for part in value]
    if kind == "bfloat":
        plain = float(scalar) if width == 1 else [*map(float, value)]
    assert library.kernel("k", constants={2: plain}) is kernel
    if width > 1:
        assert library.kernel("k", constants={2: tuple(value)}) is kernel


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("bool", [2, -1, 1.0, np.int32(1), np.uint8(1)]),
        ("char", [128, -129, np.uint8(5), 1.0, True]),
        ("uint", [1 << 32, -1, np.int32(7), True, 0.5, np.float32(1)]),
        ("long", [1 << 63, -1 - (1 << 63), np.uint64(7)]),
        ("ulong", [1 << 64, -1, 1 << 200]),
        ("float", [(1 << 24) + 1, 1e39, 1 << 200, True, np.float16(1), np.int32(1)]),
        ("half", [2049, 1e5, 65520.0, np.float32(1)]),
        ("bfloat", [257, np.float16(1)]),
        (
            "float",
            [[], [1.0, 2.0], np.zeros(2, np.float32), np.zeros((1, 1), np.float32), "1", b"1", None, 1j, [[1.0]]],
        ),
        ("float", [np.complex64(1), np.datetime64(0, "s"), np.array(["x"]), {1: 2}, object()]),
    ],
)
def test_values_that_do_not_fit(device: ingot.Device, kind: str, wrong: list[object]) -> None:
    library = typed(device, kind)
    for value in wrong:
        with pytest.raises(ingot.ArgumentError):
            library.kernel("k", constants={"value": value})  # type: ignore[dict-item]


@pytest.mark.parametrize("wrong", [[1, True, 2], [1, 2.5, np.float32(1)], [np.float32(1), np.int32(2), np.float32(1)]])
def test_vectors_of_several_types(device: ingot.Device, wrong: list[Any]) -> None:
    with pytest.raises(ingot.ArgumentError, match="one type"):
        typed(device, "float", 3).kernel("k", constants={"value": wrong})


def test_float64_is_a_plain_number(device: ingot.Device) -> None:
    library = typed(device, "float", 2)
    kernel = library.kernel("k", constants={"value": np.array([0.5, 1.5])})
    assert library.kernel("k", constants={"value": [np.float64(0.5), 1.5]}) is kernel
    assert run(kernel) == [0.5, 1.5, 0.5, 1.5]


def test_special_floats(device: ingot.Device) -> None:
    library = typed(device, "float", 4)
    kernel = library.kernel("k", constants={"value": [float("inf"), float("-inf"), -0.0, 0]})
    out = run(kernel)
    assert out[:2] == [float("inf"), float("-inf")]
    assert [str(value) for value in out[2:]] == ["-0.0", "0.0"]
    assert library.kernel("k", constants={"value": [float("inf"), float("-inf"), 0.0, 0]}) is not kernel


def test_mistakes_are_told_with_what_there_is(library: ingot.Library) -> None:
    with pytest.raises(ingot.ArgumentError, match=r"needs values .* n \(index 100, int\): give them as constants"):
        library.kernel("steps")
    with pytest.raises(ingot.ArgumentError, match=r"has_bias \(index 7, bool\)"):
        library.kernel("biased", constants={"scale_given": 1})
    with pytest.raises(ingot.ArgumentError, match=r"no function constant 'has_bais'; it has .* mean 'has_bias'\?"):
        library.kernel("biased", constants={"has_bais": True})
    with pytest.raises(ingot.ArgumentError, match="no function constant 100"):
        library.kernel("biased", constants={"has_bias": True, 100: 1})
    with pytest.raises(ingot.ArgumentError, match="it has none"):
        library.kernel("plain", constants={"n": 1})
    with pytest.raises(ingot.ArgumentError, match="given twice"):
        library.kernel("steps", constants={"n": 1, 100: 1})
    with pytest.raises(ingot.ArgumentError, match="2147483648 is no int, which holds -2147483648 to 2147483647"):
        library.kernel("steps", constants={"n": 1 << 31})
    with pytest.raises(ingot.ArgumentError, match="was given uint"):
        library.kernel("steps", constants={"n": np.uint32(1)})
    with pytest.raises(ingot.ArgumentError, match="no kernel 'nobody'"):
        library.kernel("nobody", constants={"n": 1})


@pytest.mark.parametrize("key", [-1, 1 << 32, True, 1.5, None, b"n", "n\0"])
def test_keys_that_name_nothing(library: ingot.Library, key: Any) -> None:
    with pytest.raises(ingot.ArgumentError):
        library.kernel("steps", constants={key: 1})


@pytest.mark.parametrize("constants", [[("n", 1)], "n", 4, {"n"}])
def test_constants_that_are_no_dict(library: ingot.Library, constants: Any) -> None:
    with pytest.raises(ingot.ArgumentError, match="dict"):
        library.kernel("steps", constants=constants)


def test_dropped_variants_are_found_again(device: ingot.Device) -> None:
    library = typed(device, "int")
    for value in [*range(4), *range(4)]:
        assert run(library.kernel("k", constants={"value": value}))[0] == value
