"""Checks tests/conformance.toml against the tests, both ways."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RANGES = {"C": [(1, 26), (30, 41), (45, 48), (50, 95)], "D": [(1, 14)]}
NUMBERS = {f"{letter}{n:02}" for letter, ranges in RANGES.items() for a, b in ranges for n in range(a, b + 1)}

# Where a test may carry a number: its name, its title, its docstring. "C23" elsewhere may be the language.
CARRIES = re.compile(r'@Test|@Suite|\bfunc |\bdef |\bclass |\bstruct |"""')
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
    return found + _unlisted(items)


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


def _unlisted(items: dict[str, Item]) -> list[str]:
    """Numbers that a test carries though its file is not listed for them."""
    found = []
    for path in sorted([*ROOT.glob("tests/swift/**/*.swift"), *ROOT.glob("tests/python/**/*.py")]):
        name = path.relative_to(ROOT).as_posix()
        lines = (line for line in path.read_text(encoding="utf-8").splitlines() if CARRIES.search(line))
        for number in sorted({n.upper() for line in lines for n in NUMBER.findall(line.replace("_", " "))}):
            listed = items.get(number, {}).get("tests", [])
            if not any(test.startswith(f"{name}::") for test in listed):
                found.append(f"{number}: {name} carries it, but tests/conformance.toml does not list the test")
    return found
