"""Colours that a library's files fix: printed parts, assemblies, direct colours."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from blender_assets.colors import FINISHES, color_by_name, linear_rgb
from blender_assets.drawing import SIX_SIDES, draw_part
from blender_assets.ldraw.library import LDrawLibrary
from blender_assets.mesh import PartMesh

Write = Callable[[dict[str, str]], LDrawLibrary]

HERE = "0 0 0 1 0 0 0 1 0 0 0 1"
CUBE = """0 Cube
0 BFC CERTIFY CCW
4 {top} 10 0 -10 10 0 10 -10 0 10 -10 0 -10
4 16 -10 20 10 10 20 10 10 20 -10 -10 20 -10
4 16 -10 20 -10 10 20 -10 10 0 -10 -10 0 -10
4 16 10 20 -10 10 20 10 10 0 10 10 0 -10
4 16 10 20 10 -10 20 10 -10 0 10 10 0 10
4 {left} -10 20 10 -10 20 -10 -10 0 -10 -10 0 10
"""
CONFIG = """0 LDraw.org Configuration File
0 !COLOUR Odd_Red        CODE   600   VALUE #B40000   EDGE #333333
0 !COLOUR Odd_Glass      CODE   601   VALUE #0020A0   EDGE #000000   ALPHA 128
0 !COLOUR Odd_Gold       CODE   602   VALUE #AA7F2E   EDGE #000000   PEARLESCENT
0 !COLOUR Broken         CODE   x
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_library(files: dict[str, str]) -> LDrawLibrary:
        for folder in ("parts/s", "p"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        return LDrawLibrary(tmp_path)

    return write_library


def looks(mesh: PartMesh) -> dict[str, tuple[tuple[float, ...], str] | None]:
    """Return colour and finish of the faces that look up, to the left, and down."""
    found: dict[str, tuple[tuple[float, ...], str] | None] = {}
    for name, way in (("top", (0, 0, 1)), ("left", (-1, 0, 0)), ("below", (0, 0, -1))):
        faces = np.flatnonzero(mesh.corner_normals[:, 0] @ np.array(way) > 0.9)
        assert len(faces) == 2
        if mesh.paint is None or (mesh.paint.finish[faces] < 0).all():
            found[name] = None
        else:
            ((*rgb, finish),) = {(*mesh.paint.rgb[k].round(4).tolist(), int(mesh.paint.finish[k])) for k in faces}
            found[name] = tuple(rgb), FINISHES[finish]
    return found


def rgb(srgb_hex: str) -> tuple[float, ...]:
    return tuple(np.float32(linear_rgb(srgb_hex)).round(4).tolist())


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("4", (rgb("B40000"), "solid")),
        ("33", (rgb("0020A0"), "transparent")),
        ("80", (rgb("767676"), "metallic")),
        ("600", (rgb("B40000"), "solid")),
        ("601", (rgb("0020A0"), "transparent")),
        ("602", (rgb("AA7F2E"), "metallic")),
        ("0x2336699", (rgb("336699"), "solid")),
        ("#3336699", (rgb("336699"), "transparent")),
        ("16", None),
        ("24", None),
        ("9999", None),
    ],
)
def test_a_face_keeps_its_colour_and_the_others_take_the_bricks(write: Write, code: str, expected: object) -> None:
    mesh = write({"parts/1.dat": CUBE.format(top=code, left="16"), "LDConfig.ldr": CONFIG}).mesh("1")
    assert looks(mesh) == {"top": expected, "left": None, "below": None}
    assert (mesh.paint is None) == (expected is None)


def test_a_reference_hands_its_colour_down_to_faces_without_one(write: Write) -> None:
    files = {
        "parts/s/1s01.dat": CUBE.format(top="16", left="14"),
        "parts/1.dat": f"0 Half\n1 4 {HERE} s\\1s01.dat\n",
        "parts/2.dat": f"0 Whole\n1 16 {HERE} 1.dat\n",
    }
    library = write(files)
    for number in ("1", "2"):
        mesh = library.mesh(number)
        assert looks(mesh)["top"] == looks(mesh)["below"] == (rgb("B40000"), "solid")
        assert looks(mesh)["left"] == (rgb("FAC80A"), "solid")
        assert mesh.paint is not None
        assert mesh.paint.covers_all


def test_a_printed_part_is_drawn_in_its_colours(write: Write) -> None:
    mesh = write({"parts/1.dat": CUBE.format(top="1", left="16")}).mesh("1")
    top, left = (next(view for view in SIX_SIDES if view.name == name) for name in ("top", "left"))
    middles = [draw_part(mesh, view, color_by_name("Yellow"), 4.0)[18, 18, :3].astype(int) for view in (top, left)]
    assert middles[0][2] > 1.5 * middles[0][0]
    assert middles[1][0] > 2 * middles[1][2]
