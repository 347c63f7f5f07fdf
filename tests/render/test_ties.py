"""Draws that depend on the parts in the pile: shares mean what they say, and nothing else moves."""

from pathlib import Path

import numpy as np
import pytest

from blender_assets.colors import color_by_name
from core.errors import SettingsError
from render.inventory import REBRICKABLE_CODES, Entry, read_inventory
from render.part_colors import usual_colors
from render.pile import sample_pile
from render.settings import RenderSettings
from render.ties import draw_color, draw_things, draw_tied

PARTS = ["3001", "3020", "3022", "3039"]
DRAWS = 3000
QUICK: dict[str, object] = {"lightings": ["window", "sun"], "distractors": ["die"]}
"""Nothing that takes long to make first."""


def settings_with(*ties: dict[str, object], **others: object) -> RenderSettings:
    return RenderSettings.parse({"parts": PARTS, "ties": list(ties), **others})


def floors(settings: RenderSettings, *part_ids: str) -> dict[str, float]:
    """Return how often each floor comes for piles of these parts."""
    rng = np.random.default_rng(0)
    names = list(settings.backgrounds)
    weights = np.array(list(settings.backgrounds.values()))
    usual = rng.choice(names, size=DRAWS, p=weights / weights.sum())
    drawn = [draw_tied(str(name), settings, "floor", part_ids, rng) for name in usual]
    return {name: drawn.count(name) / DRAWS for name in {*drawn, *names}}


def test_a_tied_floor_has_its_share_and_the_others_keep_their_proportions() -> None:
    tied = settings_with(
        {"part": "3001", "floor": "cloth", "share": 0.7}, backgrounds={"cloth": 1, "wood": 2, "desk": 1}
    )
    with_it, without = floors(tied, "3039", "3001"), floors(tied, "3039")
    assert with_it["cloth"] == pytest.approx(0.7, abs=0.03)
    assert with_it["wood"] == pytest.approx(0.2, abs=0.03)
    assert with_it["desk"] == pytest.approx(0.1, abs=0.03)
    assert without["cloth"] == pytest.approx(0.25, abs=0.03)


def test_a_share_of_0_keeps_a_floor_away_and_a_floor_outside_of_backgrounds_comes_with_its_part_alone() -> None:
    never = settings_with({"part": "3001", "floor": "wood", "share": 0}, backgrounds=["wood", "desk"])
    assert floors(never, "3001")["wood"] == 0
    only = settings_with({"part": "3001", "floor": "rug", "share": 0.5}, backgrounds=["wood", "desk"])
    assert floors(only, "3001")["rug"] == pytest.approx(0.5, abs=0.03)
    assert floors(only, "3020")["wood"] == pytest.approx(0.5, abs=0.03)


def test_of_two_parts_that_tie_a_floor_one_is_taken_by_lot() -> None:
    tied = settings_with(
        {"part": "3001", "floor": "cloth"}, {"part": "3039", "floor": "tiles"}, backgrounds=["wood", "desk"]
    )
    both = floors(tied, "3039", "3001", "3001", "3020")
    assert both["cloth"] == pytest.approx(0.5, abs=0.03)
    assert both["cloth"] + both["tiles"] == 1


def test_several_floors_of_one_part_divide_its_draws_and_a_part_goes_before_its_category() -> None:
    tied = settings_with(
        {"part": "3020", "floor": "cloth", "share": 0.5}, {"part": "3020", "floor": "rug", "share": 0.5},
        {"category": "plate", "floor": "tiles"}, backgrounds=["wood"],
    )  # fmt: skip
    own, by_category = floors(tied, "3020"), floors(tied, "3022")
    assert own["cloth"] == pytest.approx(0.5, abs=0.03)
    assert own["cloth"] + own["rug"] == 1
    assert by_category["tiles"] == 1


def test_a_tied_thing_lies_there_with_its_share_and_else_does_not() -> None:
    tied = settings_with(
        {"part": "3039", "thing": "coin", "share": 0.6}, {"part": "3001", "thing": "key", "share": 0.3}
    )
    rng = np.random.default_rng(1)
    kinds = list(tied.distractors)

    def rate(prefix: str, *part_ids: str) -> float:
        drawn = [
            draw_things([str(kind) for kind in rng.choice(kinds, size=3)], tied, part_ids, rng) for _ in range(1500)
        ]
        return float(np.mean([any(kind.startswith(prefix) for kind in pile) for pile in drawn]))

    assert rate("coin", "3039", "3001") == pytest.approx(0.6, abs=0.045)
    assert rate("key", "3039", "3001") == pytest.approx(0.3, abs=0.045)
    assert rate("coin", "3020") == pytest.approx(1 - (1 - 4 / len(kinds)) ** 3, abs=0.045)  # as usual
    only = settings_with({"part": "3039", "thing": "key", "share": 0.0}, distractors=["key"])
    assert draw_things(["key", "key"], only, ["3039"], rng) == []


def test_a_tied_colour_has_its_share_of_the_bricks() -> None:
    tied = settings_with({"category": "Plate", "color": "red", "share": 0.8}, colors=["Red", "Blue", "White"])
    rng = np.random.default_rng(2)
    drawn = [draw_color(str(name), tied, "3020", rng) for name in rng.choice(["Red", "Blue", "White"], size=DRAWS)]
    assert drawn.count("Red") / DRAWS == pytest.approx(0.8, abs=0.025)
    assert drawn.count("Blue") / DRAWS == pytest.approx(0.8 / 8, abs=0.025)
    assert draw_color("Blue", tied, "3001", rng) == "Blue"


def test_ties_leave_piles_without_their_parts_as_they_were() -> None:
    plain = settings_with(**QUICK)
    tied = settings_with(
        {"part": "3001", "floor": "cloth", "share": 0.9}, {"part": "3001", "light": "flash"},
        {"part": "3001", "thing": "washer"}, {"part": "3001", "color": "Red"}, **QUICK,
    )  # fmt: skip
    changed = 0
    for index in range(12):
        one, other = sample_pile(plain, 0, index), sample_pile(tied, 0, index)
        part_ids = [brick.part_id for brick in one.bricks]
        assert [brick.part_id for brick in other.bricks] == part_ids
        assert [(view.camera, view.sensor) for view in one.views] == [
            (view.camera, view.sensor) for view in other.views
        ]
        if "3001" not in part_ids:
            assert one == other
            continue
        changed += 1
        assert other.views[0].lighting.name == "flash"
        assert "washer" in [prop.kind for prop in other.props]
        assert {brick.color.name for brick in other.bricks if brick.part_id == "3001"} == {"Red"}
    assert 0 < changed < 12


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"part": "3003", "floor": "wood"}, "a tie names part '3003', which is not in parts; add it there"),
        ({"floor": "wood"}, "a tie names a part or a category"),
        ({"part": "3001", "category": "Plate", "floor": "wood"}, "a tie names a part or a category"),
        ({"part": "3001"}, "a tie names one of floor, light, thing, color"),
        ({"part": "3001", "floor": "wood", "light": "sun"}, "a tie names one of floor, light, thing, color"),
        ({"part": "3001", "floor": "wod"}, "a tie names the floor 'wod' (did you mean 'wood'?); known are paper,"),
        ({"part": "3001", "light": "moon"}, "a tie names the light 'moon'"),
        ({"part": "3001", "thing": "con"}, "a tie names the thing 'con'"),
        ({"part": "3001", "floor": "picture"}, "a tie names the floor 'picture'"),
        ({"part": "3001", "color": "Rad"}, "unknown colour 'Rad' (did you mean 'Red'?)"),
        ({"category": "Plates", "color": "Red"}, "a tie names 'Plates' (did you mean 'Plate'?), of which parts holds"),
        ({"part": "3001", "floor": "wood", "share": 1.5}, "should be less than or equal to 1"),
        ({"part": "3001", "flor": "wood"}, "unknown setting 'ties.0.flor'"),
    ],
)  # fmt: skip
def test_a_wrong_tie_is_refused_in_one_sentence(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_with(values)
    assert message.lower() in str(caught.value).lower()


@pytest.mark.parametrize(
    ("ties", "others", "message"),
    [
        (
            [("floor", "wood", 0.7), ("floor", "desk", 0.7)], {},
            "the shares of ties of part 3001 to a floor sum to 1.4, more than 1",
        ),
        (
            [("floor", "wood", 0.9)], {"backgrounds": ["wood"]},
            "the ties of part 3001 to a floor have the share 0.9 together, and nothing else may be drawn for the rest",
        ),
        (
            [("color", "Red", 0.9)], {"color_shares": {"3001": ["Red"]}},
            "the ties of part 3001 to a color have the share 0.9 together",
        ),
        ([("thing", "coin", 0.5), ("thing", "coin_1_euro", 0.5)], {}, "'coin' and 'coin_1_euro', one of which is part"),
        ([("light", "sun", 0.5), ("light", "sun", 0.4)], {}, "light 'sun' is tied to part 3001 twice"),
    ],
)  # fmt: skip
def test_ties_that_contradict_each_other_are_refused(
    ties: list[tuple[str, str, float]], others: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingsError, match=r"ties|tied") as caught:
        settings_with(*({"part": "3001", factor: value, "share": share} for factor, value, share in ties), **others)
    assert message in str(caught.value)


def test_colours_go_with_parts_and_categories() -> None:
    chosen = settings_with(
        color_shares={"3001": {"Red": 3, "1": 1}, "plate": ["White"]}, colors=["Black"], bricks_min=10, **QUICK
    )
    assert usual_colors(chosen, "3001") == {"Red": 3, "Blue": 1}
    drawn = [(brick.part_id, brick.color.name) for k in range(12) for brick in sample_pile(chosen, 0, k).bricks]
    assert {color for part_id, color in drawn if part_id in ("3020", "3022")} == {"White"}
    assert {color for part_id, color in drawn if part_id == "3039"} == {"Black"}
    assert {color for part_id, color in drawn if part_id == "3001"} == {"Red", "Blue"}
    with pytest.raises(
        SettingsError, match=r"color_shares names 'Brik', of which parts holds none|did you mean 'Brick'"
    ):
        settings_with(color_shares={"Brik": ["Red"]})


def test_an_inventory_decides_parts_and_colours() -> None:
    held = [["3001", "Red", 6], ["3001", "Blue", 2], ["3020", "White", 4]]
    chosen = RenderSettings.parse({"inventory": held, "bricks_min": 10, **QUICK})
    assert chosen.parts == ("3001", "3020")
    drawn = [(brick.part_id, brick.color.name) for k in range(40) for brick in sample_pile(chosen, 0, k).bricks]
    shares = {pair: drawn.count(pair) / len(drawn) for pair in set(drawn)}
    assert shares == pytest.approx({("3001", "Red"): 0.5, ("3001", "Blue"): 1 / 6, ("3020", "White"): 1 / 3}, abs=0.07)
    saved = RenderSettings.parse(chosen.model_dump(mode="json"))
    assert saved == chosen
    with pytest.raises(SettingsError, match=r"inventory says which colours parts have; leave out color_shares"):
        RenderSettings.parse({"inventory": held, "color_shares": {"3001": ["Red"]}})
    with pytest.raises(SettingsError, match=r"a file or a list of lists: part, colour, number of pieces"):
        RenderSettings.parse({"inventory": [["3001"]]})


NAMES_AT_REBRICKABLE = {
    "41": "Trans Light Blue", "43": "Trans Very Light Blue", "45": "Trans Dark Pink", "57": "Trans Neon Orange",
    "143": "Trans Medium Blue", "158": "Yellowish Green", "182": "Trans Orange", "230": "Trans Pink",
    "326": "Olive Green", "1050": "Coral", "1088": "Medium Brown",
}  # fmt: skip


def test_rebrickables_numbers_mean_the_colours_that_it_calls_so() -> None:
    for number, name in NAMES_AT_REBRICKABLE.items():
        assert color_by_name(str(REBRICKABLE_CODES[number])).name == name


def test_a_table_of_a_set_is_read_by_numbers_or_names(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_text("inventory_id,part_num,color_id,quantity,is_spare\n7,3001,4,2,f\n7,3001,4,1,t\n7,3020,41,5,f\n")
    assert read_inventory(path) == (Entry("3001", "Red", 3), Entry("3020", "Trans Light Blue", 5))
    path.write_text("Part;Color_Name;color\n3001;Light Bluish Gray;4\n3001;Trans-Very Lt Blue;4\n")
    assert read_inventory(path) == (Entry("3001", "Light Bluish Grey"), Entry("3001", "Trans Very Light Blue"))


def test_parts_of_a_table_that_nobody_knows_are_told_or_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_text("part_num,color_id,quantity\n3001,4,2\n973pb01,4,1\n3020,15,1\n")
    with pytest.raises(SettingsError, match=r"1 unknown parts, such as 973pb01: name an LDraw library"):
        RenderSettings.parse({"inventory": str(path)})
    chosen = RenderSettings.parse({"inventory": str(path), "parts": ["3001"]})
    assert chosen.inventory == (Entry("3001", "Red", 2),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "Cannot read the inventory"),
        ("", "is empty"),
        (
            "part_num,quantity\n3001,2\n",
            "has no column color_name (or colour_name, color, colour, color_id, colour_id)",
        ),
        ("part_num,color_id,quantity\n3001,4,two\n", "In line 2 of"),
        ("part_num,color_id\n3001,9998\n", "Unknown colour '9998'"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "set.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_inventory(path)
    assert message in str(caught.value)
