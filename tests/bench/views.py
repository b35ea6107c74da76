"""Row `numpy_view`: an array over memory that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from engines import device
from measure import Row, Target, mean_seconds

if TYPE_CHECKING:
    from measure import Sample

BYTES = 4096
CALLS = 20_000


def buffer_numpy() -> Sample:
    """Ingot's `Buffer.numpy`, which first asks whether the GPU is still writing."""
    view = device().zeros(BYTES // 4, np.float32).numpy
    mean_seconds(view, CALLS)
    return lambda: mean_seconds(view, CALLS) * 1e9


def frombuffer() -> Sample:
    """NumPy's `frombuffer` on bytes."""
    memory, view = bytes(BYTES), np.frombuffer

    def call() -> None:
        view(memory, np.float32)

    mean_seconds(call, CALLS)
    return lambda: mean_seconds(call, CALLS) * 1e9


ROWS = [
    Row(
        "numpy_view",
        "ns",
        "an array over a buffer's memory",
        {"ingot": buffer_numpy, "frombuffer": frombuffer},
        (Target("frombuffer", 3.0, 1.5),),
    )
]
