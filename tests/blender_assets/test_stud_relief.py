import numpy as np
import pytest

from blender_assets.dimensions import STUD_RADIUS_MM
from blender_assets.families.bricks import studded_box
from blender_assets.families.tiles import jumper
from blender_assets.lettering import RELIEF_MM, stud_letters
from blender_assets.solids import open_stud, stud, stud_relief


def test_studs_are_plain_unless_relief_is_asked_for() -> None:
    plain = stud(0.0)
    with stud_relief():
        raised = stud(0.0)
    again = stud(0.0)
    assert raised.bounding_box()[5] - plain.bounding_box()[5] == pytest.approx(RELIEF_MM, abs=1e-5)
    assert again.num_tri() == plain.num_tri() < raised.num_tri()


def test_relief_ends_with_the_block_also_after_an_error() -> None:
    with pytest.raises(ValueError, match="within"), stud_relief():
        raise ValueError("within")
    assert stud(0.0).bounding_box()[5] == pytest.approx(1.7)


def test_every_stud_of_a_brick_carries_four_letters() -> None:
    with stud_relief():
        brick = studded_box(4, 2, 9.6)
    assert brick.status().name == "NoError"
    assert len(brick.decompose()) == 1
    letters = brick.slice(9.6 + 1.7 + RELIEF_MM / 2)
    assert len(letters.decompose()) == 8 * 4
    assert letters.num_contour() == 8 * (4 + 1)  # the O has a hole


def test_the_letters_fit_on_the_flat_top_and_are_few_triangles() -> None:
    corners = stud_letters().to_mesh().vert_properties[:, :2]
    assert np.hypot(*corners.T).max() < STUD_RADIUS_MM - 0.2
    low, high = corners.min(axis=0), corners.max(axis=0)
    assert (high - low)[0] == pytest.approx(3.4, abs=0.1)
    with stud_relief():
        raised = stud(0.0)
    assert raised.num_tri() - stud(0.0).num_tri() < 220


def test_the_letters_read_from_above_from_left_to_right() -> None:
    # The leftmost letter, L, has its lower half heavier than its upper; the rightmost, O, is even.
    pieces = sorted(stud_letters().slice(0.05).decompose(), key=lambda piece: piece.bounds()[0])
    lower = type(pieces[0]).square((10, 10)).translate((-5, -10))
    first, last = ((piece ^ lower).area() / piece.area() for piece in (pieces[0], pieces[-1]))
    assert first > 0.6
    assert last == pytest.approx(0.5, abs=0.01)


def test_hollow_studs_stay_plain() -> None:
    with stud_relief():
        assert open_stud(0.0).bounding_box()[5] == pytest.approx(1.7)
        raised = jumper(1)
    assert raised.volume() == pytest.approx(jumper(1).volume())
