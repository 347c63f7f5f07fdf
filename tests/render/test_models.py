"""LDraw models in piles, brick by brick; printed parts in pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import SettingsError
from render.bodies import groups_of
from render.pile import sample_pile
from render.settings import RenderSettings
from render.shots import render_shots, settled_pile
from render.worker import start_blender

CUBE = """0 Cube
0 BFC CERTIFY CCW
4 {top} 10 0 -10 10 0 10 -10 0 10 -10 0 -10
4 {top} -10 24 10 10 24 10 10 24 -10 -10 24 -10
4 16 -10 24 -10 10 24 -10 10 0 -10 -10 0 -10
4 16 10 24 -10 10 24 10 10 0 10 10 0 -10
4 16 10 24 10 -10 24 10 -10 0 10 10 0 10
4 16 -10 24 10 -10 24 -10 -10 0 -10 -10 0 10
"""
AT = "1 0 0 0 1 0 0 0 1"


@pytest.fixture(scope="module", autouse=True)
def _blender_is_up() -> None:
    start_blender(1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("parts", "p"):
        (tmp_path / "lib" / name).mkdir(parents=True)
    (tmp_path / "lib" / "parts" / "90001.dat").write_text(CUBE.format(top=16))
    (tmp_path / "lib" / "parts" / "90002.dat").write_text(CUBE.format(top=4))
    # Its upper and lower side have a picture, red in the middle and clear at the edges.
    textured = "".join(
        f"0 !TEXMAP NEXT PLANAR -10 {y} 10 10 {y} 10 -10 {y} -10 red.png\n{line}\n"
        for y, line in zip((0, 24), CUBE.format(top=16).splitlines()[2:4], strict=True)
    )
    rest = "\n".join(CUBE.format(top=16).splitlines()[4:])
    (tmp_path / "lib" / "parts" / "90003.dat").write_text(f"0 Textured\n0 BFC CERTIFY CCW\n{textured}{rest}\n")
    (tmp_path / "lib" / "parts" / "textures").mkdir()
    picture = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    picture.paste((200, 0, 0, 255), (2, 2, 14, 14))
    picture.save(tmp_path / "lib" / "parts" / "textures" / "red.png")
    # A tower of three, and a cube beside that touches nothing.
    lines = [
        f"1 {color} {x} {y} 0 {AT} 90001.dat" for color, x, y in ((4, 0, 0), (1, 0, -24), (16, 0, -48), (2, 60, 0))
    ]
    (tmp_path / "tower.ldr").write_text("0 Tower\n" + "\n".join(lines) + "\n")
    return tmp_path


def with_models(folder: Path, **more: object) -> RenderSettings:
    base = {"ldraw": str(folder / "lib"), "models": [str(folder / "tower.ldr")], "parts": ["90001", "3001"]}
    return RenderSettings.parse(base | more)


def test_a_model_joins_the_loose_bricks_and_changes_none_of_them(folder: Path) -> None:
    settings = with_models(folder, models_max=2, bricks_min=3, bricks_max=3)
    plain = RenderSettings.parse({**settings.model_dump(), "models": []})
    counts = set()
    for index in range(12):
        pile = sample_pile(settings, 0, index)
        loose = sample_pile(plain, 0, index)
        counts.add(len(pile.bricks))
        assert [(b.part_id, b.color) for b in pile.bricks[:3]] == [(b.part_id, b.color) for b in loose.bricks]
        for first in range(3, len(pile.bricks), 4):
            colors = [brick.color.name for brick in pile.bricks[first : first + 4]]
            assert (colors[0], colors[1], colors[3]) == ("Red", "Blue", "Green")
    assert counts == {3, 7, 11}


def test_a_model_is_one_body_whose_bricks_keep_their_places(folder: Path) -> None:
    settings = with_models(folder, bricks_max=1)
    index = next(k for k in range(9) if len(sample_pile(settings, 0, k).bricks) == 5)
    settled = settled_pile(settings, 0, index)
    assert groups_of(range(5), settled.pile.clutches) == [(0,), (1, 2, 3, 4)]
    base = settled.world_from_thing[1]
    for thing, place in ((2, (0, 0, 9.6)), (3, (0, 0, 19.2)), (4, (24, 0, 0))):
        pose = settled.world_from_thing[thing]
        np.testing.assert_allclose(base[:, :3].T @ (pose[:, 3] - base[:, 3]), place, atol=1e-3)
        np.testing.assert_allclose(base[:, :3].T @ pose[:, :3], np.eye(3), atol=1e-4)
    assert min(settled.vertices_mm(thing)[:, 2].min() for thing in settled.things()) == pytest.approx(0, abs=0.23)


def test_a_model_whose_parts_are_no_classes_is_refused(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"the model .*tower\.ldr has parts that are not in parts; add there 90001"):
        with_models(folder, parts=["3001"])
    with pytest.raises(SettingsError, match="needs an LDraw library, which says where its parts are; set ldraw"):
        with_models(folder, ldraw=None, parts=["3001"])


@pytest.mark.parametrize("part_id", ["90002", "90003"])
def test_a_printed_part_shows_its_print_and_takes_the_colour_of_the_brick(folder: Path, part_id: str) -> None:
    settings = RenderSettings.parse(
        {
            "ldraw": str(folder / "lib"), "parts": [part_id], "bricks_max": 1, "colors": ["Blue"], "image_size_px": 96,
            "samples": 4, "wear_max": 0, "backgrounds": ["plain"], "lightings": ["window"], "distractors_max": 0,
            "sensor": {"gain_max": 0, "jpeg_quality_min": 100, "jpeg_quality_max": 100},
            "camera": {"elevation_min_deg": 35, "elevation_max_deg": 50, "margin_max": 0.3},
        }
    )  # fmt: skip
    settled = settled_pile(settings, 0, 0)
    shot = next(iter(render_shots(settled, settings)))
    red, _, blue = shot.image[shot.masks.visible(0)].astype(int).T
    assert (red > 2 * blue).mean() > 0.1
    assert (blue > 1.3 * red).mean() > 0.1
