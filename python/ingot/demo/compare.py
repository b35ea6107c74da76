"""How far Ingot's stages are from SciPy's."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ingot.demo import reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ingot.demo.pipeline import Stages

    Plane = NDArray[np.floating]

# Largest difference allowed, as a fraction of the stage's full scale.
LIMIT = 1e-4
# A pixel may be thinned otherwise than SciPy's where the magnitudes compared are nearer than this ...
NEAR = 1e-5
# ... and if such pixels are at most this fraction of the picture.
FEW = 1e-3
# Below this magnitude a gradient is rounding error, and its direction means nothing.
FLAT = 1e-3


class Check(NamedTuple):
    """The verdict on one stage."""

    stage: str
    passed: bool
    detail: str

    def __str__(self) -> str:
        return f"{self.stage:<13} {'ok    ' if self.passed else 'DIFFERS'} {self.detail}"


def stages(ours: Stages, threshold: float) -> list[Check]:
    """Compares each stage with SciPy's on the input that Ingot's own kernel had."""
    magnitude, direction = reference.sobel(ours.blurred)
    return [
        _plane("luminance", ours.luma, reference.luminance(ours.picture)),
        _plane("blur_rows", ours.rows, reference.blur(ours.luma, axis=1)),
        _plane("blur_columns", ours.blurred, reference.blur(ours.rows, axis=0)),
        _plane("magnitude", ours.magnitude, magnitude),
        _direction(ours.direction, direction, magnitude),
        _thinning(ours, threshold),
    ]


def end_to_end(ours: Stages, threshold: float) -> str:
    """The difference of the edges from SciPy's own pipeline, whose roundings decide otherwise here and there."""
    luma = reference.luminance(ours.picture)
    magnitude, direction = reference.sobel(reference.blur(reference.blur(luma, axis=1), axis=0))
    edges = reference.thin(magnitude, direction, threshold).edges
    other = np.count_nonzero((edges != 0) != (ours.edges != 0))
    both = (edges != 0) & (ours.edges != 0)
    largest = np.max(np.abs(edges - ours.edges), initial=0, where=both)
    return f"{other} of {edges.size} pixels are an edge for one of the two only; elsewhere at most {largest:.1e}"


def _plane(stage: str, ours: Plane, theirs: Plane) -> Check:
    """Planes of full scale 1."""
    difference = float(np.max(np.abs(ours - theirs)))
    return Check(stage, difference <= LIMIT, f"at most {difference:.1e} of full scale")


def _direction(ours: Plane, theirs: Plane, magnitude: Plane) -> Check:
    """Angles of full scale one turn, compared the short way round where there is a gradient."""
    steep = magnitude >= FLAT
    turns = (ours[steep] - theirs[steep]) / (2 * np.pi)
    difference = float(np.max(np.abs(turns - np.rint(turns)), initial=0))
    valid = bool(np.all(np.abs(ours) <= np.pi * (1 + 2 * LIMIT)))
    detail = f"at most {difference:.1e} of a turn, on the {np.count_nonzero(steep)} pixels with a gradient"
    return Check(
        "direction", valid and difference <= LIMIT, detail if valid else f"{detail}; angles beyond half a turn"
    )


def _thinning(ours: Stages, threshold: float) -> Check:
    """Equal pixel by pixel, but for a few decisions between magnitudes that are nearly the same."""
    theirs = reference.thin(ours.magnitude, ours.direction, threshold)
    other = ours.edges != theirs.edges
    count, clear = np.count_nonzero(other), np.count_nonzero(other & (theirs.margin >= NEAR))
    detail = f"{count} of {other.size} pixels differ, {clear} of them without a near tie"
    return Check("thin", clear == 0 and count <= FEW * other.size, detail)
