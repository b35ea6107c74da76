"""The demo: right on any picture, and non-zero when a kernel is wrong."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from ingot import demo
from ingot.demo import pipeline

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    import ingot

SOURCE = demo.KERNELS.read_text(encoding="utf-8")
STAGES = ("luminance", "blur_rows", "blur_columns", "magnitude", "direction", "thin")

# A constant of each kernel, what to put in its place, and the stage that must notice.
MUTATIONS = {
    "luminance": ("0.2126f", "0.2136f", "luminance"),
    "centre of the blur": ("0.285252340f", "0.285552340f", "blur_rows"),
    "halo": ("int(position.y - local.y) - radius;", "int(position.y - local.y) - radius + 1;", "blur_columns"),
    "sobel": ("above + 2.0f * here", "above + 1.99f * here", "magnitude"),
    "sobel across": ("2.0f * change.y", "1.99f * change.y", "direction"),
    "thinning": ("int2(1, 1)", "int2(1, 0)", "thin"),
    "threshold": ("value >= threshold", "value >= 0.1f * threshold", "thin"),
}


def opened(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A picture whose sides are no multiple of a threadgroup's, with edges in all directions."""
    y, x = np.mgrid[0:61, 0:83]
    disc = 200.0 * (np.hypot(x - 40, y - 30) < 21)
    noise = np.random.default_rng(1).integers(0, 40, (61, 83))
    path = tmp_path / "small.png"
    Image.fromarray(np.stack([disc + noise, disc, 255 - disc], axis=2).astype(np.uint8)).save(path)
    return path


def test_photograph_as_a_command(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    command = [sys.executable, "-m", "ingot", "demo", "-o", str(out)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    for word in ("device", "600 x 400", "GPU time", "end to end", *STAGES):
        assert word in run.stdout
    from skimage import data  # noqa: PLC0415  (slow to import)

    shown = opened(out)
    assert shown.shape == (400, 1200, 3)
    assert np.array_equal(shown[:, :600], data.coffee())
    lines = shown[:, 600:].max(axis=2) > 0
    assert 0.02 < lines.mean() < 0.2


def test_wrong_kernel_as_a_command(small: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from ingot import demo; source = demo.KERNELS.read_text()"
        ".replace('above + 2.0f * here', 'above + 1.99f * here'); sys.exit(demo.main(sys.argv[1:], source=source))"
    )
    command = [sys.executable, "-c", program, str(small), "-o", str(tmp_path / "out.png")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "differs from SciPy: magnitude" in run.stderr


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_stage_notices_a_changed_constant(
    mutation: str, device: ingot.Device, small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, stage = MUTATIONS[mutation]
    assert SOURCE.count(old) == 1
    status = demo.main([str(small), "-o", str(tmp_path / "out.png")], source=SOURCE.replace(old, new), device=device)
    assert status == 1
    assert stage in capsys.readouterr().err


def test_results_are_read_without_a_copy(device: ingot.Device) -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)
    before = device.statistics().submissions
    stages = pipeline.find_edges(device, pixels, 0.04, SOURCE)
    assert device.statistics().submissions == before + 1
    arrays = [stage for stage in stages if isinstance(stage, np.ndarray)]
    assert len(arrays) == 1 + len(STAGES)
    assert not any(array.flags.owndata for array in arrays)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (5, 3), (32, 8), (33, 9), (64, 64), (257, 131)])
def test_any_size(size: tuple[int, int], device: ingot.Device, tmp_path: Path) -> None:
    width, height = size
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture, out = tmp_path / "in.png", tmp_path / "out.png"
    Image.fromarray(pixels).save(picture)
    assert demo.main([str(picture), "-o", str(out)], device=device) == 0
    assert opened(out).shape == (height, 2 * width, 3)


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "CMYK", "I;16", "F"])
def test_any_kind_of_picture(mode: str, device: ingot.Device, small: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.tiff"
    image = Image.fromarray(opened(small))
    deep = np.asarray(image.convert("L"), np.float32) * 257
    kinds = {"I;16": Image.fromarray(deep.astype(np.uint16)), "F": Image.fromarray(deep)}
    saved = kinds[mode] if mode in kinds else image.convert(mode)
    assert saved.mode == mode
    saved.save(picture)
    assert demo.main([str(picture), "-o", str(tmp_path / "out.png")], device=device) == 0


def test_what_cannot_be_read_or_written_is_said(
    device: ingot.Device, small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture")
    for image, out in ((tmp_path / "none.png", "out.png"), (text, "out.png"), (small, "no/folder/out.png")):
        assert demo.main([str(image), "-o", str(tmp_path / out)], device=device) == 2
        error = capsys.readouterr().err
        assert error.startswith("ingot demo: ")
        assert error.count("\n") == 1
