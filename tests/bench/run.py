"""Measures Ingot and its peers in one run, prints a table and writes latest.json beside this file."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path

import compiling
import dispatch
import measure
import memory
import saxpy
import swift_alone
import views
from engines import device, opencl
from measure import Figure, MissingPeerError, Row, Target

ROWS = [*dispatch.ROWS, *swift_alone.ROWS, *saxpy.ROWS, *compiling.ROWS, *memory.ROWS, *views.ROWS]
LATEST = Path(__file__).with_name("latest.json")


def machine() -> dict[str, object]:
    """What was measured on."""
    facts: dict[str, object] = {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    for name, ask in (("ingot", _device_name), ("pyopencl", _opencl_version)):
        try:
            facts[name] = ask()
        except MissingPeerError as reason:
            facts[name] = f"left out: {reason}"
    return facts


def _device_name() -> str:
    return device().name


def _opencl_version() -> str:
    return opencl().version


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def as_json(figure: Figure) -> dict[str, object]:
    """Unit, median by peer, and the middle half of the samples by peer."""
    medians = {peer: _rounded(figure.median(peer)) for peer in figure.samples}
    spread = {peer: [_rounded(edge) for edge in figure.spread(peer)] for peer in figure.samples}
    ratios = {target.peer: figure.ratio(target) for target in figure.row.targets}
    return {
        "unit": figure.row.unit,
        **medians,
        "spread": spread,
        "ratio": {peer: _rounded(ratio) for peer, ratio in ratios.items() if ratio is not None},
        "left_out": figure.left_out,
    }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def show(figure: Figure) -> None:
    """Prints a row: each peer's median and spread, then Ingot's ratios and what they should be."""
    row = figure.row
    print(f"\n{row.name}: {row.what}")
    for peer in figure.samples:
        low, high = figure.spread(peer)
        print(f"  {peer:<18} {figure.median(peer):>9.4g} {row.unit:<5} ({low:.4g} - {high:.4g})")
    for peer, reason in figure.left_out.items():
        print(f"  {peer:<18} left out: {reason}")
    for target in row.targets:
        if (ratio := figure.ratio(target)) is not None:
            print(f"  {'ingot / ' + target.peer:<18} {ratio:>9.3g} x     {_verdict(row, target, ratio)}")
    if row.most is not None and "ingot" in figure.samples:
        met = figure.median("ingot") <= row.most
        print(f"  at most {row.most:g} {row.unit}: {'met' if met else 'MISSED'}")


def _verdict(row: Row, target: Target, ratio: float) -> str:
    sign = ">=" if row.higher_is_better else "<="
    words = []
    for name, bound in (("to reach first", target.first), ("goal", target.goal)):
        met = ratio >= bound if row.higher_is_better else ratio <= bound
        words.append(f"{name} {sign} {bound:g} x: {'met' if met else 'MISSED'}")
    return "; ".join(words)


def main() -> int:
    """Runs the rows asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(row.name for row in ROWS)}")
    parser.add_argument("--rounds", type=int, help="samples of each peer")
    options = parser.parse_args()
    facts = machine()
    print(", ".join(f"{name}: {fact}" for name, fact in facts.items()))
    print("median of alternate rounds (middle half of the samples)")
    figures = {}
    for row in ROWS:
        if options.rows and row.name not in options.rows:
            continue
        figure = measure.run(row, options.rounds)
        show(figure)
        figures[row.name] = as_json(figure)
    LATEST.write_text(json.dumps({"machine": facts, "figures": figures}, indent=2) + "\n", encoding="utf-8")
    print(f"\nwrote {LATEST.relative_to(Path.cwd()) if LATEST.is_relative_to(Path.cwd()) else LATEST}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
