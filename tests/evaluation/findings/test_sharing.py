"""How much of the map of one part lies on another: by hand."""

import numpy as np

from evaluation.findings.material import overlaps_of

NAMED, OTHER, THIRD = (np.zeros((4, 4), dtype=bool) for _ in range(3))
NAMED[0, :2] = OTHER[0, 2:] = THIRD[3, 0] = True
MASKS = {"3001": NAMED, "3003": OTHER, "3020": THIRD}


def test_shares_and_areas_by_hand() -> None:
    values = np.zeros((4, 4))
    values[0] = [4, 2, 1, 1]  # 6 on the named part, 2 on the other
    values[3, 3] = 2  # on the floor
    values[3, 0] = -5  # speaks against the part: counts as 0
    assert overlaps_of(values, "3001", MASKS) == [("3003", 0.2, 2 / 16), ("3020", 0.0, 1 / 16)]
    assert overlaps_of(values * 1000, "3001", MASKS) == overlaps_of(values, "3001", MASKS)


def test_a_uniform_map_lies_on_a_part_as_its_area_does() -> None:
    for _, share, area in overlaps_of(np.full((4, 4), 0.3), "3001", MASKS):
        assert np.isclose(share, area)


def test_what_lies_on_both_counts_for_the_named_part() -> None:
    boxes = {"3001": NAMED, "3003": NAMED | OTHER, "3020": NAMED}
    assert overlaps_of(np.ones((4, 4)), "3001", boxes) == [("3003", 2 / 16, 2 / 16)]


def test_maps_that_say_nothing_are_passed_over() -> None:
    assert overlaps_of(np.zeros((4, 4)), "3001", MASKS) == []
    assert overlaps_of(-np.ones((4, 4)), "3001", MASKS) == []
    assert overlaps_of(np.full((4, 4), np.nan), "3001", MASKS) == []
