"""The package as it is built and imported: what is in it, what it needs, and what it says when something is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from importlib import metadata
from pathlib import Path

import pytest
from test_exports import LIBRARY

import ingot
from ingot import _ingot

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / "python"


def run(*command: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = os.environ | environment
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=variables)


def test_sdist_carries_the_swift_package_and_nothing_built(tmp_path: Path) -> None:
    built = run(sys.executable, "setup.py", "--quiet", "sdist", "--dist-dir", str(tmp_path), folder=PYTHON)
    assert built.returncode == 0, built.stderr
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    needed = [
        "LICENSE",
        "exports.map",
        "exports.txt",
        "ingot_cffi.py",
        "setup.py",
        "ingot/py.typed",
        "swift/Package.swift",
    ]
    folders = [path for path in (ROOT / "tests/swift").iterdir() if path.is_dir()] + list((ROOT / "Sources").iterdir())
    needed += [f"swift/{folder.relative_to(ROOT).as_posix()}" for folder in folders]
    needed += [f"swift/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "Sources").rglob("*") if path.is_file()]
    assert not set(needed) - names
    assert not [name for name in names if name.endswith((".so", ".dylib", ".o", ".pyc"))]


def test_extension_is_for_all_pythons() -> None:
    assert ".abi3." in Path(_ingot.__file__).name
    assert Path(_ingot.__file__).parent == LIBRARY.parent == Path(ingot.__file__).parent


def test_manifest_is_whole_where_metal_is_apples(tmp_path: Path) -> None:
    manifest = (ROOT / "Package.swift").read_text(encoding="utf-8")
    (tmp_path / "Package.swift").write_text(manifest.replace("#if os(Linux)", "#if os(Windows)"), encoding="utf-8")
    for folder in ("Sources", "tests"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    described = run("swift", "package", "--package-path", str(tmp_path), "describe", "--type", "json")
    assert described.returncode == 0, described.stderr
    names = {target["name"] for target in json.loads(described.stdout)["targets"]}
    assert names >= {"CIngot", "Ingot", "IngotABI", "IngotTests"}
    assert not [name for name in names if "Metal" in name]


@pytest.mark.skipif(sys.platform != "darwin", reason="asks otool")
def test_library_needs_only_what_every_mac_has() -> None:
    system = ("/usr/lib/", "/System/Library/", f"@rpath/{LIBRARY.name} ")
    for file in (str(LIBRARY), _ingot.__file__):
        _, *needed = run("otool", "-L", file).stdout.splitlines()
        assert needed
        assert all(line.strip().startswith(system) for line in needed), needed


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has Swift's libraries in the system")
def test_library_needs_only_what_every_linux_has() -> None:
    dynamic = run("readelf", "-d", str(LIBRARY)).stdout.splitlines()
    needed = {line.split("[")[1].rstrip("]") for line in dynamic if "(NEEDED)" in line}
    usual = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "libstdc++.so.6", "libgcc_s.so.1"}
    usual |= {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
    assert needed <= usual
    extension = run("readelf", "-d", _ingot.__file__).stdout
    assert "$ORIGIN" in extension
    assert "libIngotABI.so" in extension


def test_build_without_swift_says_what_to_install(tmp_path: Path) -> None:
    folders = ["--build-lib", str(tmp_path / "lib"), "--build-temp", str(tmp_path / "temp")]
    built = run(sys.executable, "setup.py", "--quiet", "build_ext", *folders, folder=PYTHON, PATH=str(tmp_path))
    assert built.returncode != 0
    assert built.stderr.strip().splitlines()[-1].startswith("ingot: `swift` is not on PATH; install Swift 6.3")


def test_intel_and_rosetta_are_refused_in_one_line() -> None:
    program = (
        "import platform, runpy, sys; sys.platform = 'darwin'; platform.machine = lambda: 'x86_64'; "
        "runpy.run_path('setup.py', run_name='__main__')"
    )
    refused = run(sys.executable, "-c", program, folder=PYTHON)
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "Apple silicon" in refused.stderr


OLD_LIBRARY = "types.SimpleNamespace(ingot_abi_version=lambda: 99, INGOT_ABI_VERSION=1)"


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("None", "not built"),
        (f"types.SimpleNamespace(ffi=None, lib={OLD_LIBRARY})", "ABI version 99 and this package needs 1"),
    ],
)
def test_import_without_the_right_library_says_what_to_do(module: str, says: str) -> None:
    imported = run(sys.executable, "-c", f"import sys, types; sys.modules['ingot._ingot'] = {module}; import ingot")
    assert imported.returncode == 1
    last = imported.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError")
    assert says in last
    assert "pip install ./python" in last


def test_import_is_quick_and_opens_no_device() -> None:
    program = """
import time, numpy
start = time.perf_counter()
import ingot
print(time.perf_counter() - start, ingot._native.live_objects()["devices"])
"""
    seconds, devices = run(sys.executable, "-c", program).stdout.split()
    assert float(seconds) < 1
    assert devices == "0"


def test_the_version_is_that_of_the_distribution() -> None:
    assert metadata.version("ingot") == ingot.__version__


def test_public_names_are_documented() -> None:
    for name in ingot.__all__:
        thing = getattr(ingot, name)
        assert thing.__doc__, name
        members = vars(thing).items() if isinstance(thing, type) else ()
        for member, value in members:
            if not member.startswith("_") and (callable(value) or isinstance(value, property | classmethod)):
                assert value.__doc__, f"{name}.{member}"
