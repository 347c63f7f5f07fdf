import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from manifold3d import Manifold
from PIL import Image

from blender_assets.colors import color_by_name
from blender_assets.commands import parts
from blender_assets.drawing import ABOVE, SIX_SIDES, View, draw_part, extent_mm
from blender_assets.mesh import mesh_from_solid
from core.errors import BrickbenchError, SettingsError


def run(*words: str) -> tuple[str, str]:
    done = CliRunner().invoke(parts, words, catch_exceptions=True)
    if done.exception is not None:
        raise done.exception
    return done.stdout, done.stderr


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (tmp_path / "ldraw" / "parts").mkdir(parents=True)
    (tmp_path / "ldraw" / "p").mkdir()
    wedge = "3 16 0 0 0 20 0 0 0 20 0\n3 16 0 0 0 0 20 0 0 0 20\n3 16 0 0 0 0 0 20 20 0 0\n3 16 20 0 0 0 0 20 0 20 0\n"
    (tmp_path / "ldraw" / "parts" / "90001.dat").write_text(f"0 Wedge  1 x  1\n{wedge}")
    return tmp_path / "ldraw"


def test_list_has_sizes_of_built_in_parts_and_names_of_the_librarys(library: Path) -> None:
    rows = json.loads(run("list", "--ldraw", str(library), "--json")[0])
    assert rows[-1] == {
        "part_id": "90001", "name": "Wedge 1 x 1", "category": "Wedge", "length_mm": None, "width_mm": None,
        "height_mm": None, "triangles": None, "source": "ldraw",
    }  # fmt: skip
    brick = next(row for row in rows if row["part_id"] == "3001")
    assert (brick["length_mm"], brick["width_mm"], brick["height_mm"]) == (31.8, 15.8, 11.3)
    assert brick["source"] == "built-in"


def test_show_draws_a_page(library: Path, tmp_path: Path) -> None:
    _, words = run("show", "90001", "-o", str(tmp_path / "new" / "wedge.png"), "--ldraw", str(library))
    assert words == f"Wrote {tmp_path / 'new' / 'wedge.png'}.\n"
    with Image.open(tmp_path / "new" / "wedge.png") as page:
        assert page.width == 1400
        pixels = np.asarray(page.convert("RGB")).astype(int)
    yellow = (pixels[..., 0] > 120) & (pixels[..., 2] < 90)
    # Two large views above, six small ones below.
    assert yellow[:690].mean() > 0.05
    assert yellow[690:].mean() > 0.05


def test_sheet_draws_the_chosen_parts(tmp_path: Path) -> None:
    for name, more in (("above.webp", []), ("below.webp", ["--underside"])):
        run("sheet", "-o", str(tmp_path / name), "--parts", "3005, 3024,3070b", "--columns", "2", *more)
    above, below = (np.asarray(Image.open(tmp_path / name).convert("RGB")) for name in ("above.webp", "below.webp"))
    assert above.shape == below.shape
    assert np.abs(above.astype(int) - below).mean() > 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "30011", "-o", "x.png"), r"^Unknown part '30011' \(did you mean '3001'\?\)"),
        (("show", "3001", "-o", "x.png", "--color", "Redd"), r"^Unknown colour 'Redd'"),
        (("sheet", "-o", "x.png", "--parts", "3001,x"), r"^Unknown part 'x'"),
        (("list", "--ldraw", "nowhere"), r"nowhere is no LDraw library"),
    ],
)
def test_mistakes_are_named_before_anything_is_drawn(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        run(*words)


def test_a_picture_needs_a_known_ending(tmp_path: Path) -> None:
    with pytest.raises(BrickbenchError, match=r"x\.bmp should end with \.png, \.jpg or \.webp"):
        run("sheet", "-o", str(tmp_path / "x.bmp"), "--parts", "3024")
    assert not list(tmp_path.iterdir())


def test_a_view_is_a_proper_rotation_with_up_above() -> None:
    for view in (ABOVE, *SIX_SIDES):
        axes = view.axes()
        np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(axes) == pytest.approx(1)
        assert axes[1] @ np.array(view.up) > 0


def test_a_drawing_has_the_size_the_cover_and_the_tint_of_the_part() -> None:
    mesh = mesh_from_solid(Manifold.cube((10, 6, 4), True) - Manifold.cube((4, 2, 20), True))
    top = next(view for view in SIX_SIDES if view.name == "top")
    np.testing.assert_allclose(extent_mm(mesh, top), [10, 6])
    picture = draw_part(mesh, top, color_by_name("Red"), 10.0, margin_px=3)
    assert picture.shape == (66, 106, 4)
    # The outline, up to a pixel wide, lies outside.
    outline = 10 * (2 * (10 + 6) + 2 * (4 + 2))
    assert 100 * (60 - 8) <= (picture[..., 3] > 128).sum() <= 100 * (60 - 8) + outline
    assert picture[33, 53, 3] == 0  # the hole
    red, green, blue = picture[10, 10, :3].astype(int)
    assert red > 4 * max(green, blue)


def test_a_face_in_the_light_is_brighter_than_one_in_a_corner() -> None:
    solid = Manifold.cube((20, 20, 2), True) + Manifold.cube((20, 2, 10), True).translate((0, 0, 5))
    top = View("top", (0, 0, 1), (0, 1, 0))
    picture = draw_part(mesh_from_solid(solid), top, color_by_name("White"), 4.0)
    # The light comes from above the picture: below the wall there is shadow.
    assert picture[6, 40, 0] > picture[48, 40, 0] + 10
