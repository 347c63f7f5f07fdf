from pathlib import Path

import pytest

from blender_assets.colors import COLORS, color_by_name
from blender_assets.ldraw.config import load_ldconfig
from blender_assets.ldraw.lines import LDrawError
from core.errors import SettingsError

LDCONFIG = Path(__file__).parents[2].parent / "shared" / "ldraw" / "LDConfig.ldr"


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


def test_finishes_and_opacity_are_read(tmp_path: Path) -> None:
    path = tmp_path / "LDConfig.ldr"
    path.write_text(
        "0 LDraw.org Configuration File\n"
        "0 !COLOUR Light_Bluish_Grey CODE 71 VALUE #969696 EDGE #333333\n"
        "0 // LEGOID 41 - Transparent Red\n"
        "0 !COLOUR Trans_Red CODE 36 VALUE #C91A09 EDGE #660D05 ALPHA 128\n"
        "0 !COLOUR Chrome_Gold CODE 334 VALUE #dfc176 EDGE #C2982E CHROME\n"
        "0 !COLOUR Pearl_Gold CODE 297 VALUE #AA7F2E EDGE #333333 PEARLESCENT\n"
        "0 !COLOUR Rubber_Black CODE 256 VALUE #1B2A34 EDGE #808080 RUBBER\n"
        "0 !COLOUR Speckle_Black_Silver CODE 132 VALUE #000000 EDGE #898788 "
        "MATERIAL SPECKLE VALUE #898788 ALPHA 200 FRACTION 0.4 MINSIZE 1 MAXSIZE 3\n"
    )
    found = [(c.color_id, c.name, c.srgb_hex, c.finish, round(c.alpha, 3)) for c in load_ldconfig(path)]
    assert found == [
        (71, "Light Bluish Grey", "969696", "solid", 1.0),
        (36, "Trans Red", "C91A09", "transparent", 0.502),
        (334, "Chrome Gold", "DFC176", "metallic", 1.0),
        (297, "Pearl Gold", "AA7F2E", "metallic", 1.0),
        (256, "Rubber Black", "1B2A34", "solid", 1.0),
        (132, "Speckle Black Silver", "000000", "solid", 1.0),
    ]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            "0 !COLOUR Red CODE 4 VALUE B40000",
            "a colour should read `0 !COLOUR NAME CODE number VALUE #RRGGBB EDGE …`.",
        ),
        ("0 !COLOUR", "a colour should read `0 !COLOUR NAME CODE number VALUE #RRGGBB EDGE …`."),
        ("0 !COLOUR Red CODE 4 VALUE #B40000 ALPHA 300", "ALPHA should be a whole number from 0 to 255, not '300'."),
    ],
)
def test_damaged_colours_are_named(tmp_path: Path, line: str, complaint: str) -> None:
    path = tmp_path / "LDConfig.ldr"
    path.write_text(f"0 Colours\n{line}\n")
    with pytest.raises(LDrawError) as caught:
        load_ldconfig(path)
    assert str(caught.value) == f"{path}, line 2: {complaint}"


@pytest.mark.skipif(not LDCONFIG.is_file(), reason="there is no LDraw library in ../shared/ldraw")
def test_our_colours_are_ldraws() -> None:
    theirs = {color.color_id: color for color in load_ldconfig(LDCONFIG)}
    for color in COLORS:
        there = theirs[color.color_id]
        assert (color.name, color.srgb_hex, color.finish) == (there.name, there.srgb_hex, there.finish)
