import itertools
from pathlib import Path

import numpy as np
import pytest

from blender_assets.colors import COLORS, LEAST_ALBEDO, color_by_name
from core.errors import SettingsError

LDCONFIG = Path(__file__).parents[2].parent / "shared" / "ldraw" / "LDConfig.ldr"
METALLIC = {"CHROME", "PEARLESCENT", "METAL", "MATTE_METALLIC"}


def test_there_are_colours_of_each_finish_with_codes_and_names_of_their_own() -> None:
    count = {finish: sum(color.finish == finish for color in COLORS) for finish in ("solid", "transparent", "metallic")}
    assert count["solid"] >= 45
    assert count["transparent"] >= 15
    assert count["metallic"] >= 5
    assert len({color.color_id for color in COLORS}) == len({color.name for color in COLORS}) == len(COLORS)
    assert all(color.weight > 0 for color in COLORS)
    assert all((color.alpha < 1) == (color.finish == "transparent") for color in COLORS)


def test_linear_values_follow_the_srgb_curve() -> None:
    # 0xF4 = 244: ((244 / 255 + 0.055) / 1.055) ** 2.4.
    assert color_by_name("White").linear_rgb == pytest.approx((0.9047, 0.9047, 0.9047), abs=1e-4)


@pytest.mark.parametrize(
    ("text", "color_id"),
    [
        ("Red", 4), ("rEd", 4), ("4", 4), ("Light Bluish Grey", 71), ("light_bluish_gray", 71), ("Trans-Clear", 47),
        (" Trans  Clear ", 47), ("Dark Purple", 85), ("Flat Silver", 179), ("0", 0),
    ],
)  # fmt: skip
def test_colours_are_found_by_name_and_number(text: str, color_id: int) -> None:
    assert color_by_name(text).color_id == color_id


def test_an_unknown_colour_offers_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"^Unknown colour 'Redd' \(did you mean 'Red'\?\); known: Black, Blue, "):
        color_by_name("Redd")


@pytest.mark.skipif(not LDCONFIG.is_file(), reason="there is no LDraw library in ../shared/ldraw")
def test_our_colours_are_ldraws() -> None:
    """Held against LDConfig.ldr (https://www.ldraw.org/article/299): CODE, VALUE, ALPHA, and words for the finish."""
    theirs = {}
    for line in LDCONFIG.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if words[:2] == ["0", "!COLOUR"]:
            words = (
                words[: words.index("MATERIAL")] if "MATERIAL" in words else words
            )  # of grains, with their own ALPHA
            fields = dict(itertools.pairwise(words[3:]))
            finish = "transparent" if "ALPHA" in fields else "metallic" if METALLIC & set(words) else "solid"
            theirs[int(fields["CODE"])] = (words[2].replace("_", " "), fields["VALUE"].lstrip("#").upper(), finish)
    assert len(theirs) > 150
    for color in COLORS:
        assert (color.name, color.srgb_hex, color.finish) == theirs[color.color_id]


def test_black_plastic_is_neutral_and_reflects_3_to_4_percent() -> None:
    red, green, blue = color_by_name("Black").albedo_rgb
    assert red == green == blue
    assert 0.03 <= red <= 0.04


def test_only_black_and_channels_near_zero_reflect_otherwise_than_their_screen_value_says() -> None:
    for color in COLORS:
        if color.finish != "solid":
            assert color.albedo_rgb == color.linear_rgb
        elif color.name != "Black":
            np.testing.assert_array_equal(color.albedo_rgb, np.maximum(color.linear_rgb, LEAST_ALBEDO))
    assert color_by_name("Red").albedo_rgb[1:] == (LEAST_ALBEDO, LEAST_ALBEDO)  # B40000
