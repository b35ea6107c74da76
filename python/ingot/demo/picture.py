"""Pictures in and out, as rows of red, green, blue and alpha bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image, ImageOps

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Pixels: TypeAlias = "NDArray[np.uint8]"


def load(path: Path | None) -> tuple[str, Pixels]:
    """Reads any picture that Pillow can read, or without a path a photograph that comes with scikit-image.

    Returns:
        Its name, and its pixels as (height, width, 4) bytes; what is transparent lies on white.

    Raises:
        OSError: There is no such file, or it is no picture.
        ValueError: It is too large for Pillow's guard against decompression bombs.
    """
    if path is None:
        from skimage import data  # noqa: PLC0415  (slow to import, and only needed here)

        return "coffee.png of scikit-image", _on_white(Image.fromarray(data.coffee()))
    try:
        with Image.open(path) as image:
            return path.name, _on_white(_eight_bits(ImageOps.exif_transpose(image)))
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error


def save(path: Path, pixels: Pixels, edges: NDArray[np.float32]) -> tuple[int, int]:
    """Writes the picture and its edges side by side and returns width and height."""
    shown = np.concatenate([pixels[..., :3], _shown(edges)], axis=1)
    Image.fromarray(shown).save(path, format="PNG")
    return shown.shape[1], shown.shape[0]


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scales greyscale of more than 8 bits so that it spans black to white; leaves others alone."""
    if not image.mode.startswith(("I", "F")):
        return image
    levels = np.nan_to_num(np.asarray(image, np.float64))
    span = np.ptp(levels) or 1.0
    return Image.fromarray(np.rint((levels - levels.min()) * (255 / span)).astype(np.uint8))


def _on_white(image: Image.Image) -> Pixels:
    colours = image.convert("RGBA")
    white = Image.new("RGBA", colours.size, "white")
    return np.asarray(Image.alpha_composite(white, colours))


def _shown(edges: NDArray[np.float32]) -> Pixels:
    """The edges as white lines on black, brightened so that weak ones can be seen."""
    strongest = float(edges.max()) or 1.0
    lines = np.rint(255 * np.sqrt(np.clip(edges / strongest, 0, 1))).astype(np.uint8)
    return np.repeat(lines[..., np.newaxis], 3, axis=2)
