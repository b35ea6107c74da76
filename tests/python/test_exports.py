"""One list of functions: the header's. The library exports it, cffi has it, the macOS list matches it."""

from __future__ import annotations

import fnmatch
import re
import subprocess
import sys
from pathlib import Path

from ingot import _native

ROOT = Path(__file__).resolve().parent.parent.parent
HEADER = (ROOT / "Sources/CIngot/include/ingot.h").read_text(encoding="utf-8")
PACKAGE = ROOT / "python" / "ingot"
LIBRARY = PACKAGE / ("libIngotABI.dylib" if sys.platform == "darwin" else "libIngotABI.so")


def declared() -> set[str]:
    """The functions of the header: a name and a bracket after a type at the beginning of a line."""
    code = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.DOTALL)
    return set(re.findall(r"^(?:const )?\w+ (?:\*_Nullable )?\*?(ingot_\w+)\(", code, re.MULTILINE))


def exported() -> set[str]:
    """The symbols that the library defines for others, without the underscore that macOS puts before them."""
    options = ["-gU"] if sys.platform == "darwin" else ["-D", "-g", "--defined-only"]
    lines = subprocess.run(["nm", *options, LIBRARY], capture_output=True, text=True, check=True).stdout.splitlines()
    names = {line.split()[-1] for line in lines if line}
    return {name.removeprefix("_") for name in names} if sys.platform == "darwin" else names


def test_library_exports_exactly_the_header() -> None:
    assert len(declared()) > 25
    assert exported() == declared()


def test_cffi_has_exactly_the_header() -> None:
    functions = {name for name in dir(_native.lib) if name.startswith("ingot_")}
    assert functions == declared()


def test_export_lists_match_every_function() -> None:
    (pattern,) = (ROOT / "python" / "exports.txt").read_text(encoding="utf-8").split()
    assert all(fnmatch.fnmatchcase(f"_{name}", pattern) for name in declared())
    assert "global: ingot_*; local: *;" in (ROOT / "python" / "exports.map").read_text(encoding="utf-8")


def test_every_function_is_documented_where_it_takes_more_than_a_handle() -> None:
    text = HEADER.split("// cdef begin")[1]
    for name in ("ingot_encoder_dispatch", "ingot_buffer_create", "ingot_submission_wait", "ingot_library_compile"):
        before = text[: text.index(f"ingot_status {name}(")].rstrip()
        assert before.endswith("*/"), name


def test_header_compiles_as_c_and_as_cpp(tmp_path: Path) -> None:
    for language, extra in (("c", ["-std=c99"]), ("c++", ["-std=c++11"])):
        source = tmp_path / f"include.{language.replace('+', 'p')}"
        source.write_text('#include "ingot.h"\nint main(void) { return ingot_abi_version() != INGOT_ABI_VERSION; }\n')
        command = ["cc", "-x", language, *extra, "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
        command += ["-I", str(ROOT / "Sources/CIngot/include"), str(source)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
