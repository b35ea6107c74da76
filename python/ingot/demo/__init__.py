"""The edges of a photograph: five MSL kernels in one command encoder, each compared with SciPy.

Run it with ``python -m ingot demo [IMAGE] [-o OUT.png]``. It needs the packages of the extra ``ingot[demo]``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ingot

__all__ = ["main"]

KERNELS = Path(__file__).with_name("edges.metal")


def main(
    arguments: Sequence[str] | None = None, *, source: str | None = None, device: ingot.Device | None = None
) -> int:
    """Runs the demo on a picture and reports how far each stage is from SciPy.

    Args:
        arguments: The command line, without the program's name; ``None`` takes the process's own.
        source: MSL to use in place of ``edges.metal``, with the same kernels.
        device: Where to run; ``None`` is the default device.

    Returns:
        The exit status: 0, or 1 if a stage differs from SciPy, or 2 if it could not run.
    """
    options = _parser().parse_args(arguments)
    text = source if source is not None else KERNELS.read_text(encoding="utf-8")
    try:
        from ingot.demo import command  # noqa: PLC0415  (needs packages that ingot itself does not)
    except ImportError as error:
        print(f"ingot demo: {error.msg}: run `pip install 'ingot[demo]'` first", file=sys.stderr)
        return 2
    return command.run(options, text, device)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ingot demo", description="Finds the edges of a picture.")
    parser.add_argument(
        "image", nargs="?", type=Path, metavar="IMAGE", help="a picture (default: a photograph of scikit-image)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT.png", default=Path("edges.png"), help="default: %(default)s"
    )
    parser.add_argument(
        "-t", "--threshold", type=float, default=0.04, help="weakest edge, a step from black to white being 1"
    )
    return parser
