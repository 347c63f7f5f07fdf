"""Textured prints (!TEXMAP) of an LDraw library."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blender_assets.colors import color_by_name
from blender_assets.ldraw.library import LDrawLibrary
from blender_assets.ldraw.lines import LDrawError
from blender_assets.mesh import PartMesh, seen_colors

Write = Callable[[dict[str, str]], LDrawLibrary]

HERE = "0 0 0 1 0 0 0 1 0 0 0 1"
MIRRORED = "0 0 0 -1 0 0 0 1 0 0 0 1"
# The upper side of a plate of 20 x 20 units, seen from above: x to the right, z towards the top of the picture.
TOP = "4 16 10 0 -10 10 0 10 -10 0 10 -10 0 -10"
START = "0 !TEXMAP START PLANAR -10 0 10 10 0 10 -10 0 -10 face.png"
BELOW = "4 16 -10 8 10 10 8 10 10 8 -10 -10 8 -10\n"
QUARTERS = {(-1, 1): "red", (1, 1): "blue", (-1, -1): "white", (1, -1): "clear"}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_library(files: dict[str, str]) -> LDrawLibrary:
        for folder in ("parts/textures", "parts/s", "p"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (tmp_path / name).write_text(f"0 Part\n0 BFC CERTIFY CCW\n{text}")
        picture = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
        for (left, top), color in {(0, 0): "red", (4, 0): "blue", (0, 4): "white"}.items():
            picture.paste(Image.new("RGBA", (4, 4), color), (left, top))
        picture.save(tmp_path / "parts" / "textures" / "Face.png")
        return LDrawLibrary(tmp_path)

    return write_library


def seen(mesh: PartMesh, x: float, y: float) -> str:
    """Return the colour at a place of the upper side of a green part."""
    names = {(1, 0, 0): "red", (0, 0, 1): "blue", (1, 1, 1): "white"}
    found = set()
    for k, corners in enumerate(mesh.vertices_mm[mesh.faces].astype(float)):
        if corners[:, 2].min() < 3.1:
            continue
        matrix = np.vstack([corners[:, :2].T, np.ones(3)])
        place = np.linalg.solve(matrix, [x, y, 1])
        if place.min() > 0:
            (rgb,) = seen_colors(mesh, color_by_name("Green"), np.array([k]), place[None])
            found.add(names.get(tuple(np.round(rgb, 3)), "clear"))
    (color,) = found
    return color


def quarters(mesh: PartMesh) -> dict[tuple[int, int], str]:
    return {at: seen(mesh, 1.9 * at[0], 2.1 * at[1]) for at in QUARTERS}


def test_a_picture_lies_on_the_part_as_its_three_points_say(write: Write) -> None:
    mesh = write({"parts/1.dat": f"{START}\n0 !: {TOP}\n0 !TEXMAP FALLBACK\n{TOP}\n0 !TEXMAP END\n{BELOW}"}).mesh("1")
    assert len(mesh.faces) == 4  # the fallback was not read, too
    assert quarters(mesh) == QUARTERS
    assert mesh.print is not None
    assert mesh.print.faces.sum() == 2


@pytest.mark.parametrize("line", [f"1 16 {HERE} s/top.dat", f"1 16 {MIRRORED} s/top.dat"])
def test_a_texture_reaches_what_a_reference_brings_in(write: Write, line: str) -> None:
    files = {"parts/s/top.dat": f"{TOP}\n", "parts/1.dat": f"{START}\n0 !: {line}\n0 !TEXMAP END\n{BELOW}"}
    assert quarters(write(files).mesh("1")) == QUARTERS


def test_what_a_reference_brings_in_keeps_its_texture_when_it_is_mirrored(write: Write) -> None:
    files = {
        "parts/s/top.dat": f"{START}\n0 !: {TOP}\n0 !TEXMAP END\n",
        "parts/1.dat": f"1 16 {MIRRORED} s/top.dat\n{BELOW}",
    }
    assert quarters(write(files).mesh("1")) == {(-x, y): color for (x, y), color in QUARTERS.items()}


def test_next_is_for_one_line_and_beyond_the_picture_there_is_none(write: Write) -> None:
    half = "0 !TEXMAP NEXT PLANAR -10 0 10 0 0 10 -10 0 -10 face.png"
    mesh = write({"parts/1.dat": f"{half}\n{TOP}\n{BELOW}"}).mesh("1")
    assert [seen(mesh, x, 2.1) for x in (-3.1, -0.9, 1.9)] == ["red", "blue", "clear"]
    assert mesh.print is not None
    assert mesh.print.faces.sum() == 2


@pytest.mark.parametrize(
    "start",
    [
        START.replace("face.png", "other.png"),
        "0 !TEXMAP START CYLINDRICAL 0 0 0 0 8 0 10 0 0 90 face.png",
        START.replace("-10 0 10 10", "x 0 10 10"),
    ],
)
def test_without_its_picture_the_fallback_is_read(write: Write, start: str) -> None:
    text = f"{start}\n0 !: {TOP}\n0 !TEXMAP FALLBACK\n{TOP.replace('16', '15', 1)}\n0 !TEXMAP END\n{BELOW}"
    mesh = write({"parts/1.dat": text}).mesh("1")
    assert mesh.print is None
    assert len(mesh.faces) == 4
    assert mesh.paint is not None
    assert (mesh.paint.finish >= 0).sum() == 2


def test_two_pictures_on_one_part_stay_apart(write: Write, tmp_path: Path) -> None:
    other = START.replace("face.png", "dot.png").replace("0 10", "8 10").replace("0 -10 dot", "8 -10 dot")
    text = f"{START}\n0 !: {TOP}\n0 !TEXMAP END\n{other}\n0 !: {BELOW}0 !TEXMAP END\n"
    library = write({"parts/1.dat": text})
    Image.new("RGB", (3, 5), "lime").save(tmp_path / "parts" / "textures" / "dot.png")
    mesh = library.mesh("1")
    assert quarters(mesh) == QUARTERS
    below = np.flatnonzero(mesh.vertices_mm[mesh.faces][:, :, 2].max(axis=1) < 0.1)
    middle = np.full((len(below), 3), 1 / 3)
    colors = seen_colors(mesh, color_by_name("Red"), below, middle)
    np.testing.assert_allclose(colors, [[0, 1, 0]] * 2, atol=1e-6)


def test_a_damaged_picture_is_named(write: Write, tmp_path: Path) -> None:
    library = write({"parts/1.dat": f"{START}\n0 !: {TOP}\n0 !TEXMAP END\n{BELOW}"})
    (tmp_path / "parts" / "textures" / "Face.png").write_bytes(b"no picture")
    with pytest.raises(LDrawError, match=r"The picture .*Face\.png cannot be read: "):
        library.mesh("1")
