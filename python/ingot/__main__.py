"""The commands of the package: ``python -m ingot demo``."""

from __future__ import annotations

import sys

from ingot import demo


def main(arguments: list[str]) -> int:
    """Runs the command named first and returns the exit status."""
    if arguments[:1] == ["demo"]:
        return demo.main(arguments[1:])
    print("usage: python -m ingot demo [IMAGE] [-o OUT.png]", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
