"""Checks tests/conformance.toml against the tests, both ways, and that the tests of tests/mistakes.toml exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RANGES = {"C": [(1, 26), (30, 41), (45, 48), (50, 95)], "D": [(1, 14)]}
NUMBERS = {f"{letter}{n:02}" for letter, ranges in RANGES.items() for a, b in ranges for n in range(a, b + 1)}

# Where a test may carry a number: its name, its title, its docstring. "C23" elsewhere may be the language.
CARRIES = {
    ".swift": re.compile(r'@Test|@Suite|\bfunc |\bstruct |^\s*(///|")'),
    ".py": re.compile(r'\bdef |\bclass |"""'),
}
NUMBER = re.compile(r"(?<![A-Za-z0-9])([CcDd]\d\d)(?![0-9A-Za-z])")

Item = dict[str, "str | list[str]"]


def findings() -> list[str]:
    """What is wrong, a line each."""
    sections = tomllib.loads((ROOT / "tests/conformance.toml").read_text(encoding="utf-8"))
    items = {number: item for section in sections.values() for number, item in section.items()}
    found = [f"{number}: missing in tests/conformance.toml" for number in sorted(NUMBERS - items.keys())]
    found += [f"{number}: no such number" for number in sorted(items.keys() - NUMBERS)]
    for number, item in items.items():
        found += [f"{number}: {problem}" for problem in _problems(item)]
    return found + _mismatches(items) + _mistakes()


def _mistakes() -> list[str]:
    sections = tomllib.loads((ROOT / "tests/mistakes.toml").read_text(encoding="utf-8"))
    mistakes = {mistake: tests for section in sections.values() for mistake, tests in section.items()}
    missing = [
        f"{mistake}: no test {name}" for mistake, tests in mistakes.items() for name in tests if not _exists(name)
    ]
    return missing + [f"{mistake}: no tests" for mistake, tests in mistakes.items() if not tests]


def _problems(item: Item) -> list[str]:
    if not item.get("demands"):
        return ["does not say what it demands"]
    if sum(bool(item.get(key)) for key in ("tests", "later", "never")) != 1:
        return ["needs one of tests, later and never"]
    return [f"no test {name}" for name in item.get("tests", []) if not _exists(name)]


def _exists(name: str) -> bool:
    """Whether "path::name" or "path::Class::name" is a function in that file."""
    path, _, function = name.partition("::")
    file = ROOT / path
    keyword = "def" if path.endswith(".py") else "func"
    pattern = rf"\b{keyword} `?{re.escape(function.rpartition('::')[2])}`?\s*[(<]"
    return bool(function) and file.is_file() and bool(re.search(pattern, file.read_text(encoding="utf-8")))


def _mismatches(items: dict[str, Item]) -> list[str]:
    """Numbers that a file carries but is not listed for, and the other way round."""
    carried = {(number, path) for path in _test_files() for number in _numbers(ROOT / path)}
    listed = {(number, test.partition("::")[0]) for number, item in items.items() for test in item.get("tests", [])}
    return [
        *(f"{number}: {path} carries it and is not listed for it" for number, path in sorted(carried - listed)),
        *(f"{number}: {path} is listed for it and does not carry it" for number, path in sorted(listed - carried)),
    ]


def _test_files() -> list[str]:
    files = [*ROOT.glob("tests/swift/**/*.swift"), *ROOT.glob("tests/python/**/*.py")]
    return [path.relative_to(ROOT).as_posix() for path in files]


def _numbers(path: Path) -> set[str]:
    lines = (line for line in path.read_text(encoding="utf-8").splitlines() if CARRIES[path.suffix].search(line))
    return {number.upper() for line in lines for number in NUMBER.findall(line.replace("_", " "))}
