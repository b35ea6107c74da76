"""The same stages by NumPy and SciPy, in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ingot.demo.picture import Pixels

    Plane = NDArray[np.floating]

SIGMA = 1.4
RADIUS = 4

# Neighbours before and after a pixel along its gradient, as one-hot 3 x 3 weights, by octant.
_AFTER = ((1, 2), (2, 2), (2, 1), (2, 0))


class Thinned(NamedTuple):
    """Edges, and how near each pixel was to being decided the other way."""

    edges: Plane
    margin: Plane


def luminance(picture: Pixels) -> Plane:
    """Rec. 709 luma of 0...1 from bytes."""
    luma: Plane = picture[..., :3] @ np.array([0.2126, 0.7152, 0.0722]) / 255
    return luma


def blur(plane: Plane, axis: int) -> Plane:
    """A Gaussian along one axis."""
    blurred: Plane = ndimage.gaussian_filter1d(plane.astype(np.float64), SIGMA, axis, mode="nearest", radius=RADIUS)
    return blurred


def sobel(plane: Plane) -> tuple[Plane, Plane]:
    """Magnitude of the gradient, a step from black to white being 1, and its direction in radians."""
    dx, dy = (ndimage.sobel(plane.astype(np.float64), axis, mode="nearest") / 4 for axis in (1, 0))
    return np.hypot(dx, dy), np.arctan2(dy, dx)


def thin(magnitude: Plane, direction: Plane, threshold: float) -> Thinned:
    """Keeps magnitudes of at least the threshold that are a maximum along their gradient."""
    before, after = _neighbours(magnitude, _octant(direction))
    kept = (magnitude >= np.float32(threshold)) & (magnitude > before) & (magnitude >= after)
    compared = (np.float32(threshold), before, after)
    margin = np.min([np.abs(magnitude - other) for other in compared], axis=0)
    return Thinned(np.where(kept, magnitude, 0), margin)


def _octant(direction: Plane) -> NDArray[np.intp]:
    """Octants of half a turn; rounded in float32, so that ties fall as they do in the kernel."""
    octant: NDArray[np.intp] = np.rint(direction.astype(np.float32) * np.float32(4 / np.pi)).astype(np.intp) & 3
    return octant


def _neighbours(magnitude: Plane, octant: NDArray[np.intp]) -> tuple[Plane, Plane]:
    """The magnitudes one step against and one step along the gradient, 0 outside the picture."""
    one_hot = np.zeros((4, 3, 3), bool)
    for index, place in enumerate(_AFTER):
        one_hot[index][place] = True
    after = [ndimage.correlate(magnitude, weights.astype(float), mode="constant") for weights in one_hot]
    before = [ndimage.correlate(magnitude, weights[::-1, ::-1].astype(float), mode="constant") for weights in one_hot]
    return np.choose(octant, before), np.choose(octant, after)
