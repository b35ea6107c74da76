"""Mutations: deliberate mistakes in Sources that a model test must notice, or it proves nothing.

A `Mutation` says which text of which file becomes which other. `Workshop.assert_noticed` builds libIngotABI with that
mistake in a copy of the sources, and runs a pytest node with it in place of the real library: the node must fail, and
by what it asserts. It must pass without the mistake, which is tried once a session. To add some, write in
test_mutations.py:

    POOL = [
        Mutation(
            "blocks come back while the GPU uses them",
            "Ingot/PoolCore.swift",
            "guard block.isIdle else { return }",
            "",
        ),
    ]

    @pytest.mark.parametrize("mutation", POOL, ids=str)
    def test_pool_model(workshop: Workshop, mutation: Mutation) -> None:
        workshop.assert_noticed(mutation, "test_pool_model.py::test_pool_is_like_its_model")

`old` must be in the file exactly once, white space between words aside, so no mutation outlives the code that it is
about. It must compile, and it must not crash or hang the process; a mistake that does is the wrong one to test with.
Each costs two seconds to build (only its file is compiled) and what the node takes to find it. hypothesis does not
shrink here, and all seeds are fixed: what is noticed once is noticed always. What it takes luck to notice shows that
the model should draw such values more often.

This module is also the pytest plugin that runs inside those processes.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = "libIngotABI.dylib" if sys.platform == "darwin" else "libIngotABI.so"
REPORT = "INGOT_MUTATION_REPORT"

# What a model test says when the library is not like the model: it asserts, or an error comes that should not.
NOTICING = ("AssertionError", "IngotError")


@dataclass(frozen=True)
class Mutation:
    """A mistake: in `file` of Sources `old`, which is there once, becomes `new`."""

    name: str
    file: str
    old: str
    new: str

    def __str__(self) -> str:
        return self.name

    def apply(self, source: str) -> str:
        """The source with the mistake in it."""
        pattern = r"\s+".join(map(re.escape, self.old.split()))
        found = re.findall(pattern, source)
        assert len(found) == 1, f"{self.file} has {len(found)} times, not once: {self.old}"
        mutated = re.sub(pattern, lambda _: self.new, source)
        assert mutated != source, f"{self.name}: changes nothing"
        return mutated


@dataclass(frozen=True)
class Outcome:
    """How a node ended: pytest's exit status and output, and what failed in which phase."""

    status: int
    output: str
    failures: list[dict[str, Any]]

    @property
    def is_noticed(self) -> bool:
        """Whether the test failed by what it asserts, or its fixtures did after it passed."""
        errors = self.failures[0]["errors"] if self.failures else []
        return self.status == 1 and self.failures[0]["when"] != "setup" and set(NOTICING).issuperset(errors)


class Workshop:
    """A copy of the package in `folder`, where each mistake is built after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sources = folder / "Sources"
        self.package = folder / "python" / "ingot"
        self.correct: dict[str, Outcome] = {}
        shutil.copy2(ROOT / "Package.swift", folder)
        shutil.copytree(ROOT / "Sources", self.sources)
        (folder / "tests").symlink_to(ROOT / "tests")  # the manifest names them
        shutil.copytree(ROOT / "python" / "ingot", self.package, ignore=shutil.ignore_patterns("__pycache__", LIBRARY))

    def assert_noticed(self, mutation: Mutation, node: str, timeout: float = 120) -> None:
        """Asserts that a node of tests/python fails with the mistake, and passes without."""
        file = self.sources / mutation.file
        source = file.read_text(encoding="utf-8")
        mutated = mutation.apply(source)
        if node not in self.correct:
            self._build()
            self.correct[node] = self._run(node, 300)
        correct = self.correct[node]
        assert correct.status == 0, f"{node} fails without any mutation:\n{correct.output}"
        file.write_text(mutated, encoding="utf-8")
        try:
            self._build()
            outcome = self._run(node, timeout)
        finally:
            file.write_text(source, encoding="utf-8")
        assert outcome.status != 0, f"{node} does not notice: {mutation}"
        assert outcome.is_noticed, (
            f"{node} ends in another way than by what it asserts: exit status {outcome.status}\n{outcome.output}"
        )

    def _build(self) -> None:
        command = ["swift", "build", "--package-path", str(self.folder), "--product", "IngotABI"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, f"does not build:\n{run.stdout}{run.stderr}"
        # Through a new file: a Mac kills processes whose library was overwritten in place.
        built = self.folder / ".build" / "debug" / LIBRARY
        (self.package / LIBRARY).unlink(missing_ok=True)
        shutil.copy2(built, self.package / LIBRARY)

    def _run(self, node: str, timeout: float) -> Outcome:
        """Runs a node in a process that finds this package, and so this library, before the real one."""
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        here = Path(__file__).resolve().parent
        path = os.pathsep.join(map(str, (self.package.parent, here)))
        command = [sys.executable, "-m", "pytest", "-q", "-p", "mutations", "-p", "no:cacheprovider"]
        command += ["--hypothesis-seed=1", str(here / node)]
        environment = os.environ | {"PYTHONPATH": path, "INGOT_SOFT_SEED": "1", REPORT: str(report)}
        process = subprocess.Popen(
            command, cwd=self.folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output = f"{process.communicate()[0]}\nstopped after {timeout} s"
        failures = json.loads(report.read_text(encoding="utf-8")) if report.exists() else []
        return Outcome(process.returncode, output, failures)


# ---- The plugin --------------------------------------------------------------------------------------------------

_failures: list[dict[str, Any]] = []


def pytest_configure() -> None:
    """Lets a test end at the first example that fails."""
    if REPORT not in os.environ:
        return
    # Where hypothesis finds that it is run by CI it would take seeds of its own.
    profile = hypothesis.settings(
        phases=[hypothesis.Phase.generate], database=None, report_multiple_bugs=False, derandomize=False
    )
    hypothesis.settings.register_profile("mutation", profile)
    hypothesis.settings.load_profile("mutation")


def pytest_collection_finish() -> None:
    """Sees to it that the mutated library is what the tests' modules have loaded."""
    if REPORT in os.environ:
        wanted = Path(os.environ[REPORT]).parent / "python" / "ingot" / LIBRARY
        assert loaded_library().resolve() == wanted.resolve(), f"{loaded_library()} is loaded, not {wanted}"


def pytest_exception_interact(call: pytest.CallInfo[Any], report: pytest.TestReport | pytest.CollectReport) -> None:
    """Notes what failed."""
    if REPORT in os.environ and call.excinfo is not None:
        _failures.append({"when": report.when, "errors": sorted(set(names(call.excinfo.value)))})


def pytest_unconfigure() -> None:
    """Tells the workshop."""
    if REPORT in os.environ:
        Path(os.environ[REPORT]).write_text(json.dumps(_failures), encoding="utf-8")


def names(error: BaseException) -> Iterator[str]:
    """What an exception is, as far as it is of interest; a group is what is in it."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from names(inner)
        return
    known = [kind.__name__ for kind in type(error).__mro__ if kind.__name__ in NOTICING]
    yield known[0] if known else type(error).__name__


def loaded_library() -> Path:
    """The file that the functions of ingot.h come from in this process."""
    from ingot import _ingot  # noqa: PLC0415, where this is no plugin nobody needs it

    class Place(ctypes.Structure):
        _fields_ = (("file", ctypes.c_char_p), ("base", ctypes.c_void_p), ("symbol", ctypes.c_char_p),
                    ("address", ctypes.c_void_p))  # fmt: skip

    place = Place()
    # Looked up as the module's own references are: in it, then in what it is linked with.
    function = ctypes.CDLL(_ingot.__file__).ingot_abi_version
    assert ctypes.CDLL(None).dladdr(ctypes.cast(function, ctypes.c_void_p), ctypes.byref(place))
    return Path(os.fsdecode(place.file))
