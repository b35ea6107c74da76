"""The demo's command: read, compute, compare, write, report."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import ingot
from ingot.demo import compare, picture, pipeline

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace, source: str, device: ingot.Device | None) -> int:
    """Finds the edges of a picture and writes them beside it; returns the exit status."""
    output, threshold = options.output, options.threshold
    try:
        name, pixels = picture.load(options.image)
        device = device or ingot.Device()
        stages = pipeline.find_edges(device, pixels, threshold, source)
        size = picture.save(output, pixels, stages.edges)
    except (OSError, ValueError, ingot.IngotError) as error:
        print(f"ingot demo: {error}", file=sys.stderr)
        return 2
    checks = compare.stages(stages, threshold)
    height, width = stages.luma.shape
    print(f"device     {device.name}")
    print(f"picture    {name}, {width} x {height}")
    print(f"kernels    {', '.join(pipeline.KERNELS)}: one encoder, one commit, one wait")
    print(f"GPU time   {stages.gpu_time * 1e3:.3f} ms")
    print("differences from SciPy, on each stage's own input:")
    for check in checks:
        print(f"  {check}")
    print(f"end to end {compare.end_to_end(stages, threshold)}")
    print(f"wrote      {output}, {size[0]} x {size[1]}")
    failed = [check.stage for check in checks if not check.passed]
    if failed:
        print(f"ingot demo: differs from SciPy: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0
