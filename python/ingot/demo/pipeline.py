"""The Ingot side: five dispatches in one encoder, one commit, one wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import ingot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ingot.demo.picture import Pixels

KERNELS = ("luminance", "blur_rows", "blur_columns", "sobel", "thin")

# Threads of a threadgroup in x and y, and the pixels that a blur needs on either side: as in edges.metal.
GROUP = (32, 8)
RADIUS = 4


class Stages(NamedTuple):
    """What each kernel read and wrote: arrays of (height, width) over the memory of Ingot's buffers, not copies."""

    picture: Pixels
    luma: NDArray[np.float32]
    rows: NDArray[np.float32]
    blurred: NDArray[np.float32]
    magnitude: NDArray[np.float32]
    direction: NDArray[np.float32]
    edges: NDArray[np.float32]
    gpu_time: float


def find_edges(device: ingot.Device, pixels: Pixels, threshold: float, source: str) -> Stages:
    """Finds the edges of a picture.

    Args:
        device: Where to run.
        pixels: (height, width, 4) bytes: red, green, blue, alpha.
        threshold: The weakest edge that is kept, a step from black to white being 1.
        source: The MSL of the five kernels.
    """
    library = device.compile(source)
    luminance, blur_rows, blur_columns, sobel, thin = (library.kernel(name) for name in KERNELS)
    height, width = pixels.shape[:2]
    picture = device.array(pixels)
    luma, rows, blurred, magnitude, direction, edges = (device.empty((height, width), np.float32) for _ in range(6))
    grid = (width, height)
    tile = ingot.threadgroup(4 * GROUP[0] * (GROUP[1] + 2 * RADIUS))
    with device.encoder(label="edges") as encoder:
        encoder.dispatch(luminance, picture, luma, grid=grid)
        encoder.dispatch(blur_rows, luma, rows, grid=grid, group=GROUP)
        encoder.dispatch(blur_columns, rows, blurred, tile=tile, grid=grid, group=GROUP)
        encoder.dispatch(sobel, blurred, magnitude, direction, grid=grid)
        encoder.dispatch(thin, magnitude, direction, edges, threshold=threshold, grid=grid)
        submission = encoder.commit_and_wait()
    return Stages(
        picture.numpy(),
        luma.numpy(),
        rows.numpy(),
        blurred.numpy(),
        magnitude.numpy(),
        direction.numpy(),
        edges.numpy(),
        submission.gpu_time,
    )
