"""Compiling MSL: kernels, their arguments, options, and errors that show the place."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from kernels import ADD, SAXPY

import ingot

MANY = """
#include <metal_stdlib>
using namespace metal;

struct Parameters { float4 scale; uint count; };

kernel void many(device float4 *out [[buffer(3)]], device const packed_float3 *in [[buffer(0)]],
                 constant Parameters &parameters [[buffer(1)]], constant bfloat *weights [[buffer(7)]],
                 threadgroup half2 *tile [[threadgroup(1)]],
                 constant uchar &unused [[buffer(5)]], uint i [[thread_position_in_grid]],
                 uint l [[thread_position_in_threadgroup]]) {
  float3 value = float3(in[i]);
  tile[l] = half2(value.xy);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (i < parameters.count)
    out[i] = parameters.scale * float4(float2(tile[l]), float(weights[0]), value.z);
}
"""


def test_kernels_of_a_library(device: ingot.Device) -> None:
    library = device.compile(ADD)
    assert library.device is device
    assert library.kernel_names == tuple(sorted(library.kernel_names))
    assert "add_float32" in library.kernel_names
    assert "flip" in repr(library)


def test_a_library_has_a_label(device: ingot.Device) -> None:
    library = device.compile(SAXPY)
    assert library.label is None
    library.label = "naïve → label"
    assert device.compile(SAXPY).label == "naïve → label"
    library.label = None
    assert library.label is None
    with pytest.raises(ingot.ArgumentError, match="label"):
        library.label = "a\0b"


def test_c20_the_same_kernel_twice_is_the_same_object(device: ingot.Device) -> None:
    library = device.compile(SAXPY)
    kernel = library.kernel("saxpy")
    assert library.kernel("saxpy") is kernel
    assert (kernel.name, kernel.library, kernel.device) == ("saxpy", library, device)
    assert repr(kernel) == "<ingot.Kernel saxpy(x, y, a)>"
    assert kernel.max_threads_per_group >= 64
    assert kernel.thread_execution_width >= 1
    assert kernel.static_threadgroup_memory == 0


def test_arguments_by_reflection(device: ingot.Device) -> None:
    x, y, a = device.compile(SAXPY).kernel("saxpy").arguments
    assert (x.name, x.kind, x.index, x.dtype, x.width, x.nbytes) == ("x", "buffer", 0, np.dtype("float32"), 1, 4)
    assert (x.access, x.is_used, x.takes_inline) == ("r", True, True)
    assert (y.name, y.index, y.access, y.takes_inline) == ("y", 1, "rw", False)
    assert (a.name, a.index, a.dtype, a.access, a.takes_inline) == ("a", 2, np.dtype("float32"), "r", True)


def test_arguments_stand_in_order_of_their_slots(device: ingot.Device) -> None:
    arguments = {argument.name: argument for argument in device.compile(MANY).kernel("many").arguments}
    assert list(arguments) == ["in", "parameters", "out", "unused", "weights", "tile"]
    assert (arguments["in"].dtype, arguments["in"].width, arguments["in"].nbytes) == (np.dtype("float32"), 3, 12)
    parameters = arguments["parameters"]
    assert (parameters.dtype, parameters.width, parameters.nbytes, parameters.alignment) == (None, 0, 32, 16)
    assert (arguments["out"].width, arguments["out"].nbytes, arguments["out"].alignment) == (4, 16, 16)
    assert not arguments["unused"].is_used
    assert arguments["weights"].dtype == np.dtype(ml_dtypes.bfloat16)
    assert (arguments["tile"].kind, arguments["tile"].index) == ("threadgroup", 1)


def test_c22_kernel_that_does_not_exist(device: ingot.Device) -> None:
    library = device.compile(SAXPY)
    with pytest.raises(ingot.ArgumentError, match="saxpi.*saxpy"):
        library.kernel("saxpi")
    for name in ("", "a\0b"):
        with pytest.raises(ingot.ArgumentError):
            library.kernel(name)
    with pytest.raises(ingot.ArgumentError, match="must be a str"):
        library.kernel(5)  # type: ignore[arg-type]
    assert library.kernel("saxpy")


def test_library_without_kernels(device: ingot.Device) -> None:
    library = device.compile("// nothing here")
    assert library.kernel_names == ()
    with pytest.raises(ingot.ArgumentError, match="none"):
        library.kernel("any")


def test_compile_error_shows_the_place(device: ingot.Device) -> None:
    source = "#include <metal_stdlib>\nkernel void broken(device float *p) {\n  p[0] = oops;\n}\n"
    with pytest.raises(ingot.CompileError, match="oops") as caught:
        device.compile(source)
    error = caught.value
    assert (error.file, error.line, error.column) == ("program_source", 3, 10)
    assert error.source_line == "  p[0] = oops;"
    lines = str(error).splitlines()
    shown = next(n for n, line in enumerate(lines) if line.endswith("p[0] = oops;"))
    assert lines[shown + 1].index("^") == lines[shown].index("oops")
    assert device.compile(SAXPY).kernel("saxpy")


def test_compile_error_in_a_source_that_is_not_ascii(device: ingot.Device) -> None:
    with pytest.raises(ingot.CompileError) as caught:
        device.compile("// ünïcödé → 𝄞\nkernel void f() { oops; } // größe\n")
    assert caught.value.line == 2
    assert caught.value.source_line == "kernel void f() { oops; } // größe"


@pytest.mark.parametrize("source", ["kernel", "{", "#error no", "\x01\x02", "kernel void f(float x) {}", "a" * 10_000])
def test_sources_that_do_not_compile(device: ingot.Device, source: str) -> None:
    with pytest.raises(ingot.CompileError):
        device.compile(source)


def test_sources_that_are_none(device: ingot.Device) -> None:
    with pytest.raises(ingot.ArgumentError, match="NUL"):
        device.compile(SAXPY + "\0")
    with pytest.raises(ingot.ArgumentError, match="must be a str"):
        device.compile(SAXPY.encode())  # type: ignore[arg-type]


def test_macros(device: ingot.Device) -> None:
    source = """
kernel void f(device float *out) {
#ifdef EMPTY
  out[0] = SCALE + COUNT + ON;
#endif
}"""
    macros: dict[str, object] = {"SCALE": "0.5f", "COUNT": 3, "ON": True, "EMPTY": ""}
    kernel = device.compile(source, macros=macros).kernel("f")
    out = device.zeros(1)
    with device.encoder() as encoder:
        encoder.dispatch(kernel, out, grid=1)
        encoder.commit_and_wait()
    assert out.numpy()[0] == 4.5
    with pytest.raises(ingot.CompileError) as caught:
        device.compile(source, macros=macros | {"SCALE": "oops"})
    assert caught.value.line == 4


def test_options_that_do_not_exist(device: ingot.Device) -> None:
    with pytest.raises(ingot.ArgumentError, match="'safe'"):
        device.compile(SAXPY, math_mode="slow")  # type: ignore[arg-type]
    for version in ("three", "3", (3,), "3.2.1", 3.2, 3, "\u0663.\u0662"):
        with pytest.raises(ingot.ArgumentError, match="language_version"):
            device.compile(SAXPY, language_version=version)  # type: ignore[arg-type]
    with pytest.raises(ingot.IngotError):
        device.compile(SAXPY, language_version="99.0")
    with pytest.raises(ingot.ArgumentError, match="macro"):
        device.compile(SAXPY, macros={"A\0": 1})
    for macros in ([("A", 1)], "A", 5, {"A": 10**5000}):
        with pytest.raises(ingot.ArgumentError, match="macro"):
            device.compile(SAXPY, macros=macros)  # type: ignore[arg-type]
    for math_mode in (None, 1, ["safe"]):
        with pytest.raises(ingot.ArgumentError, match="math_mode"):
            device.compile(SAXPY, math_mode=math_mode)  # type: ignore[arg-type]
    for name in (None, 1, ["saxpy"], b"saxpy"):
        with pytest.raises(ingot.ArgumentError, match="name of a kernel"):
            device.compile(SAXPY).kernel(name)  # type: ignore[arg-type]
    assert device.compile(SAXPY, math_mode="safe", language_version="3.1").kernel("saxpy")
    assert device.compile(SAXPY, language_version=(3, 2)).kernel("saxpy")


SAXPY_IN_A_PROCESS = f"""
import ingot
device = ingot.Device(0)
buffer = device.full(4, 3)
try:
    device.compile({SAXPY!r})
except ingot.IngotError as error:
    print(type(error).__name__, error)
assert buffer.numpy().sum() == 12
"""


def in_a_process(environment: dict[str, str], **variables: Any) -> str:
    command = [sys.executable, "-c", SAXPY_IN_A_PROCESS]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment | variables)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.software(reason="Metal needs no clang")
def test_no_clang_says_how_to_get_one(environment: dict[str, str], tmp_path: Any) -> None:
    said = in_a_process(environment, INGOT_CLANG=str(tmp_path / "none"), INGOT_CACHE_DIR=str(tmp_path / "cache"))
    assert "INGOT_CLANG" in said
    assert "clang" in said


@pytest.mark.software(reason="Metal reads no such variables")
@pytest.mark.parametrize("variable", ["INGOT_COMPILE_TIMEOUT", "INGOT_CACHE_LIMIT"])
def test_a_setting_that_means_nothing_is_named(variable: str, environment: dict[str, str]) -> None:
    for value in ("soon", "-1", "1e3", "99999999999999999999"):
        assert f'{variable} is "{value}"' in in_a_process(environment, **{variable: value})
    assert not in_a_process(environment, **{variable: ""})


@pytest.mark.software(reason="INGOT_CACHE_DIR")
def test_unwritable_cache_directory(environment: dict[str, str], tmp_path: Any) -> None:
    file = tmp_path / "file"
    file.write_text("no directory")
    said = in_a_process(environment, INGOT_CACHE_DIR=str(file / "cache"))
    assert str(file) in said
