"""Tiny libraries, written by hand, for each rule of the file format."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from blender_assets.ldraw.library import LDrawLibrary
from blender_assets.ldraw.lines import LDrawError
from blender_assets.ldraw.quads import split_quads
from blender_assets.mesh import PartMesh
from core.errors import SettingsError

Write = Callable[[dict[str, str]], LDrawLibrary]

# A cube of 20 units (8 mm), counter-clockwise from outside: LDraw's y points down, and the frame is right-handed.
CUBE = """
4 16 10 0 -10 10 0 10 -10 0 10 -10 0 -10
4 16 -10 20 10 10 20 10 10 20 -10 -10 20 -10
4 16 -10 20 -10 10 20 -10 10 0 -10 -10 0 -10
4 16 10 20 -10 10 20 10 10 0 10 10 0 -10
4 16 10 20 10 -10 20 10 -10 0 10 10 0 10
4 16 -10 20 10 -10 20 -10 -10 0 -10 -10 0 10
"""
HERE = "0 0 0 1 0 0 0 1 0 0 0 1"
MIRRORED = "0 0 0 -1 0 0 0 1 0 0 0 1"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_library(files: dict[str, str]) -> LDrawLibrary:
        for folder in ("parts/s", "p/48"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        return LDrawLibrary(tmp_path)

    return write_library


def certified(title: str, body: str) -> str:
    return f"0 {title}\n0 BFC CERTIFY CCW\n{body}"


def signed_volume(mesh: PartMesh) -> float:
    a, b, c = (mesh.vertices_mm[mesh.faces[:, k]].astype(float) for k in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def test_a_cube_is_closed_in_millimetres_and_stands_on_the_floor(write: Write) -> None:
    mesh = write({"parts/1.dat": certified("Cube", CUBE)}).mesh("1")
    assert (len(mesh.vertices_mm), len(mesh.faces)) == (8, 12)
    np.testing.assert_allclose(mesh.bounds_mm, [[-4, -4, 0], [4, 4, 8]], atol=1e-5)
    assert signed_volume(mesh) == pytest.approx(512)
    assert mesh.volume_mm3 == pytest.approx(512)
    np.testing.assert_allclose(mesh.centroid_mm, [0, 0, 4], atol=1e-5)


def test_axes_are_turned_and_not_mirrored(write: Write) -> None:
    # A long corner to the right (x), a middle one down (y), a short one back (z).
    body = "3 16 0 0 0 30 0 0 0 20 0\n3 16 0 0 0 0 20 0 0 0 10\n3 16 0 0 0 0 0 10 30 0 0\n3 16 30 0 0 0 0 10 0 20 0\n"
    vertices = write({"parts/1.dat": certified("Corner", body)}).mesh("1").vertices_mm
    origin = vertices[np.argmin(np.abs(vertices - [-6, -2, 8]).sum(axis=1))]
    np.testing.assert_allclose(origin, [-6, -2, 8], atol=1e-5)
    ends = {tuple(np.round(v - origin, 3)) for v in vertices}
    assert ends == {(0, 0, 0), (12, 0, 0), (0, 0, -8), (0, 4, 0)}


@pytest.mark.parametrize("name", ["s\\1s01.dat", "S\\1S01.DAT", "s/1s01.dat", "1s01.dat", "box8.dat", "48\\fine.dat"])
def test_references_are_found_whatever_their_case_and_slashes(write: Write, name: str) -> None:
    files = {f"{place}.dat": certified("Piece", CUBE) for place in ("parts/s/1s01", "p/box8", "p/48/Fine")}
    mesh = write(files | {"parts/1.dat": certified("Cube", f"1 16 {HERE} {name}\n")}).mesh("1")
    assert signed_volume(mesh) == pytest.approx(512)


@pytest.mark.parametrize(
    ("reference", "sign"),
    [
        (f"1 16 {HERE} cube.dat", 1),
        (f"1 16 {MIRRORED} cube.dat", 1),
        (f"0 BFC INVERTNEXT\n1 16 {HERE} cube.dat", -1),
        (f"0 BFC INVERTNEXT\n1 16 {MIRRORED} cube.dat", -1),
        # INVERTNEXT holds for one line only.
        (f"0 BFC INVERTNEXT\n2 24 0 0 0 1 0 0\n1 16 {HERE} cube.dat", 1),
    ],
)
def test_mirrors_keep_faces_outside_and_invertnext_turns_them(write: Write, reference: str, sign: int) -> None:
    files = {"p/cube.dat": certified("Cube", CUBE), "parts/1.dat": certified("Part", reference + "\n")}
    assert signed_volume(write(files).mesh("1")) == pytest.approx(512 * sign)


def test_two_inversions_undo_each_other(write: Write) -> None:
    turned = certified("Turned", f"0 BFC INVERTNEXT\n1 16 {HERE} cube.dat\n")
    part = certified("Part", f"0 BFC INVERTNEXT\n1 16 {HERE} turned.dat\n")
    library = write({"p/cube.dat": certified("Cube", CUBE), "p/turned.dat": turned, "parts/1.dat": part})
    assert signed_volume(library.mesh("1")) == pytest.approx(512)


def test_clockwise_files_are_turned(write: Write) -> None:
    lines = [line.split() for line in CUBE.split("\n") if line]
    clockwise = "\n".join(" ".join(w[:2] + w[11:14] + w[8:11] + w[5:8] + w[2:5]) for w in lines)
    library = write(
        {
            "parts/1.dat": f"0 Cube\n0 BFC CERTIFY CW\n{clockwise}\n",
            "parts/2.dat": f"0 Cube\n0 BFC CERTIFY CCW\n0 BFC CW\n{clockwise}\n",
        }
    )
    assert [signed_volume(library.mesh(part)) for part in "12"] == pytest.approx([512, 512])


def test_a_header_longer_than_what_is_read_first_is_read_whole(write: Write) -> None:
    history = "".join(f"0 !HISTORY 2001-01-{day % 28 + 1:02d} [someone] Change {day}\n" for day in range(600))
    library = write({"parts/1.dat": f"0 Cube 1 x 1\n{history}0 !CATEGORY Brick\n0 !LDRAW_ORG Part\n{CUBE}"})
    assert (library.header("1").name, library.header("1").category) == ("Cube 1 x 1", "Brick")


@pytest.mark.parametrize("header", ["", "0 BFC NOCERTIFY\n", "0 BFC CERTIFY CCW\n0 BFC NOCLIP\n"])
def test_faces_of_unknown_winding_are_turned_outwards(write: Write, header: str) -> None:
    lines = [line.split() for line in CUBE.split("\n") if line]
    jumbled = "\n".join(
        " ".join(w if k % 2 else w[:2] + w[11:14] + w[8:11] + w[5:8] + w[2:5]) for k, w in enumerate(lines)
    )
    mesh = write({"parts/1.dat": f"0 Cube\n{header}{jumbled}\n"}).mesh("1")
    assert signed_volume(mesh) == pytest.approx(512)


def test_a_sheet_of_unknown_winding_follows_the_certified_faces_around_it(write: Write) -> None:
    lines = CUBE.strip().split("\n")
    top = lines[0].split()
    wrong = " ".join(top[:2] + top[11:14] + top[8:11] + top[5:8] + top[2:5])
    body = "\n".join(lines[1:]) + f"\n0 BFC NOCLIP\n{wrong}\n"
    assert signed_volume(write({"parts/1.dat": certified("Cube", body)}).mesh("1")) == pytest.approx(512)


def test_moved_numbers_are_followed(write: Write) -> None:
    library = write(
        {
            "parts/3.dat": f"0 ~Moved to 3a\n1 16 {HERE} 3a.dat\n",
            "parts/3a.dat": certified("Cube  1 x  1", CUBE),
            "parts/4.dat": "0 ~Moved To 5\n",
            "parts/6.dat": "0 ~Moved to 7\n",
            "parts/7.dat": "0 ~Moved to 6\n",
        }
    )
    assert library.resolve("3") == "3a"
    assert library.header("3a").name == "Cube 1 x 1"
    assert signed_volume(library.mesh("3")) == pytest.approx(512)
    with pytest.raises(LDrawError, match=r"^Part 4 has moved to 5, which is not in .*; the complete library"):
        library.resolve("4")
    with pytest.raises(LDrawError, match=r"^Part 6 has moved in a circle: 6 to 7 to 6\.$"):
        library.resolve("6")


def test_a_missing_file_is_named_with_who_wants_it_and_the_way_out(write: Write, tmp_path: Path) -> None:
    library = write(
        {
            "parts/1.dat": f"0 Part\n1 16 {HERE} s\\1s01.dat\n",
            "parts/s/1s01.dat": f"0 Piece\n\n1 16 {HERE} stud.dat\n",
        }
    )
    with pytest.raises(LDrawError) as caught:
        library.mesh("1")
    assert str(caught.value) == (
        f"Part 1 cannot be read: parts/s/1s01.dat, line 3, refers to 'stud.dat', which is not in {tmp_path}; "
        "the complete library (complete.zip of ldraw.org) holds all that its parts need."
    )


def test_circles_end_in_a_clear_error(write: Write) -> None:
    library = write({"parts/1.dat": f"0 Part\n1 16 {HERE} a.dat\n", "p/a.dat": f"0 A\n1 16 {HERE} 1.dat\n"})
    with pytest.raises(LDrawError) as caught:
        library.mesh("1")
    assert str(caught.value) == (
        "Part 1 cannot be read: its files refer to each other in a circle, parts/1.dat to p/a.dat to parts/1.dat."
    )


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("3 16 0 0 0 1 0 0 0", "a line of type 3 should hold a colour and 9 numbers; this one ends after 8"),
        ("4 16 0 0 0 1 0 0 1 1 0 x 1 0", "a line of type 4 should hold a colour and 12 numbers; 'x' is no number"),
        ("3 red 0 0 0 1 0 0 0 1 0", "should hold a colour and 9 numbers; 'red' is no number"),
        ("3 16.5 0 0 0 1 0 0 0 1 0", "should hold a colour and 9 numbers; '16.5' is no number"),
        ("3 99999999999999999999 0 0 0 1 0 0 0 1 0", "'99999999999999999999' is no number that it can hold"),
        ("3 0xFFFFFFFFFFFFFFFFFF 0 0 0 1 0 0 0 1 0", "'0xFFFFFFFFFFFFFFFFFF' is no number that it can hold"),
        ("3 16 0 0 0 1 0 0 0 nan 0", "one of its numbers is larger or not finite"),
        ("3 16 0 0 0 1 0 0 0 1e30 0", "none beyond 1,000,000; one of its numbers is larger or not finite"),
        (f"1 16 {HERE}", "should hold a colour, 12 numbers and a file name; this one ends after 13"),
        ("7 16 0", "a line should begin with its type, 0 to 5; this one begins with '7'"),
    ],
)
def test_damaged_lines_are_named(write: Write, tmp_path: Path, line: str, complaint: str) -> None:
    library = write({"parts/1.dat": f"0 Part\n\n{line}\n"})
    with pytest.raises(LDrawError) as caught:
        library.mesh("1")
    assert str(caught.value).startswith(f"{tmp_path / 'parts/1.dat'}, line 3: ")
    assert complaint in str(caught.value)


@pytest.mark.parametrize("color", ["16.0", "16"])
def test_a_colour_may_be_written_as_a_fraction(write: Write, color: str) -> None:
    body = CUBE.replace("4 16 ", f"4 {color} ")
    assert signed_volume(write({"parts/1.dat": certified("Cube", body)}).mesh("1")) == pytest.approx(512)


def test_a_direct_colour_may_begin_with_a_hash(write: Write) -> None:
    body = CUBE.replace("4 16 ", "4 #2FF8800 ")
    assert signed_volume(write({"parts/1.dat": certified("Cube", body)}).mesh("1")) == pytest.approx(512)


@pytest.mark.parametrize(
    "old",
    [
        CUBE + "\x1a",
        CUBE + "\x1aleft over from a longer file",
        CUBE + "\0\0\0",
        CUBE.replace("\n", "\r"),
        "0 // a\x85comment\n" + CUBE,
        "0 Author: a\x0bb\x1cc\u2028d\n" + CUBE,
    ],
    ids=["ctrl-z", "after ctrl-z", "nul", "cr", "next line", "separators"],
)
def test_what_ends_no_line_cuts_none(write: Write, old: str) -> None:
    library = write({})
    (library.files.root / "parts" / "1.dat").write_bytes(certified("Cube", old).encode())
    assert signed_volume(LDrawLibrary(library.files.root).mesh("1")) == pytest.approx(512)


@pytest.mark.parametrize("target", ["s\\1s01", "s/1s01.dat", "S\\1S01"])
def test_a_part_may_have_moved_among_the_sub_parts(write: Write, target: str) -> None:
    library = write({"parts/1.dat": f"0 ~Moved to {target}\n", "parts/s/1s01.dat": certified("~Cube", CUBE)})
    assert library.resolve("1") == "s/1s01"
    assert signed_volume(library.mesh("1")) == pytest.approx(512)


@pytest.mark.parametrize(
    "body",
    [
        "3 16 0 0 0 1 0 0 2 0 0\n",
        "4 16 5 5 5 5 5 5 5 5 5 5 5 5\n",
        "1 16 0 0 0 0 0 0 0 0 0 0 0 0 cube.dat\n",
        "1 16 0 0 0 1 0 0 0 0 0 0 0 0 cube.dat\n",
    ],
    ids=["a line", "a point", "zero matrix", "flattened to a line"],
)
def test_a_part_of_points_and_lines_has_no_surface(write: Write, tmp_path: Path, body: str) -> None:
    library = write({"p/cube.dat": certified("Cube", CUBE), "parts/1.dat": certified("Part", body)})
    with pytest.raises(LDrawError, match="Part 1 has no surface") as caught:
        library.mesh("1")
    assert str(tmp_path / "parts" / "1.dat") in str(caught.value)


def test_files_that_refer_too_deep_or_too_often_are_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = {f"p/c{k}.dat": certified("Step", f"1 16 {HERE} c{k + 1}.dat\n") for k in range(2000)}
    library = write(chain | {"p/c2000.dat": certified("Cube", CUBE), "parts/1.dat": f"0 Part\n1 16 {HERE} c0.dat\n"})
    with pytest.raises(LDrawError, match=r"Part 1 cannot be read: .* deep, down to p/c\d+\.dat, line 3"):
        library.mesh("1")
    # Each doubles the one before: without a limit 2 ** 40 cubes.
    monkeypatch.setattr("blender_assets.ldraw.geometry.MOST_TRIANGLES", 10_000)
    doubling = {f"p/d{k}.dat": certified("Two", f"1 16 {HERE} d{k - 1}.dat\n" * 2) for k in range(1, 41)}
    library = write(doubling | {"p/d0.dat": certified("Cube", CUBE), "parts/2.dat": f"0 Part\n1 16 {HERE} d40.dat\n"})
    with pytest.raises(LDrawError, match=r"Part 2 cannot be read: with p/d\d+\.dat, line \d, it has more than 10,000"):
        library.mesh("2")


def test_a_part_without_faces_and_an_unknown_part_are_errors(write: Write, tmp_path: Path) -> None:
    library = write({"parts/1.dat": "0 Empty\n2 24 0 0 0 1 0 0\n"})
    with pytest.raises(LDrawError, match=r"^Part 1 has no surface: "):
        library.mesh("1")
    with pytest.raises(LDrawError) as caught:
        library.mesh("2")
    assert str(caught.value) == f"There is no part 2 in {tmp_path}."


def test_a_folder_that_is_no_library_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"is no LDraw library: a folder with parts/ and p/ inside was expected"):
        LDrawLibrary(tmp_path)
    with pytest.raises(SettingsError, match="is no LDraw library"):
        LDrawLibrary(tmp_path / "nothing")


def test_doubles_and_needles_are_dropped_and_near_corners_welded(write: Write) -> None:
    rubbish = "3 16 10 0 10 -10 0 10 10 0 -10\n3 16 0 0 0 5 0 0 10 0 0\n3 16 0 0 0 0 0 0 10 0 0\n"
    nearly = CUBE.replace("10 0 -10 -10 0 -10", "10 0 -10 -10.004 0.003 -10", 1)
    assert nearly != CUBE
    mesh = write({"parts/1.dat": certified("Cube", nearly + rubbish)}).mesh("1")
    assert (len(mesh.vertices_mm), len(mesh.faces)) == (8, 12)


def test_an_empty_comment_odd_encodings_and_carriage_returns_do_no_harm(write: Write, tmp_path: Path) -> None:
    write({})
    text = b"\xef\xbb\xbf0 W\xfcrfel\r\n0\r\n0 BFC CERTIFY CCW\r\n\r\n" + CUBE.replace("\n", "\r\n").encode()
    (tmp_path / "parts" / "1.dat").write_bytes(text)
    library = LDrawLibrary(tmp_path)
    assert signed_volume(library.mesh("1")) == pytest.approx(512)


def area(triangles: np.ndarray) -> np.ndarray:
    return np.linalg.norm(np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=1) / 2


@pytest.mark.parametrize(
    ("corners", "expected_area", "expected_whole"),
    [
        ([(0, 0), (4, 0), (4, 2), (0, 2)], 8, True),
        # Concave at the second corner, then at the first: the diagonal must start there.
        ([(0, 0), (2, 1), (4, 0), (2, 4)], 6, True),
        ([(2, 1), (4, 0), (2, 4), (0, 0)], 6, True),
        # Bow-ties: neighbours exchanged at either end.
        ([(0, 0), (4, 0), (0, 2), (4, 2)], 8, False),
        ([(0, 0), (4, 2), (4, 0), (0, 2)], 8, False),
    ],
)
def test_quads_are_split_inside(corners: list[tuple[float, float]], expected_area: float, expected_whole: bool) -> None:
    quads = np.array([[(x, y, 0.0) for x, y in corners]])
    triangles, whole = split_quads(quads)
    assert area(triangles).sum() == pytest.approx(expected_area)
    assert whole.tolist() == [expected_whole]
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])[:, 2]
    assert normals[0] * normals[1] > 0


def tube(edges: str) -> str:
    """Return the wall of a prism with eight sides, 45 degrees apart, with `edges` (2, 5 or none) between them."""
    points = [(20 * np.cos(k * np.pi / 4), 20 * np.sin(k * np.pi / 4)) for k in range(8)]
    lines = []
    for k in range(8):
        (ax, az), (bx, bz) = points[k], points[(k + 1) % 8]
        lines.append(f"4 16 {ax:.4f} 0 {az:.4f} {ax:.4f} 20 {az:.4f} {bx:.4f} 20 {bz:.4f} {bx:.4f} 0 {bz:.4f}")
        if edges == "2":
            lines.append(f"2 24 {ax:.4f} 0 {az:.4f} {ax:.4f} 20 {az:.4f}")
    return "\n".join(lines) + "\n"


def test_an_edge_is_smooth_by_its_angle_unless_a_line_marks_it(write: Write) -> None:
    library = write({f"parts/{k}.dat": f"0 Tube\n0 BFC CERTIFY CCW\n{tube(edges)}" for k, edges in ((1, ""), (2, "2"))})
    smooth, sharp = library.mesh("1"), library.mesh("2")
    radial = smooth.vertices_mm[smooth.faces] * [1, 1, 0]
    radial = radial / np.linalg.norm(radial, axis=2, keepdims=True)
    np.testing.assert_allclose(np.abs((smooth.corner_normals * radial).sum(axis=2)), 1, atol=1e-3)
    np.testing.assert_allclose(np.abs((sharp.corner_normals * radial).sum(axis=2)), np.cos(np.pi / 8), atol=1e-3)


def test_a_conditional_line_smooths_what_the_angle_would_not(write: Write) -> None:
    # Two squares at 60 degrees.
    height = 20 * np.sin(np.pi / 3)
    body = f"4 16 0 0 0 20 0 0 20 0 20 0 0 20\n4 16 0 0 0 0 0 20 -10 {height:.4f} 20 -10 {height:.4f} 0\n"
    line = f"5 24 0 0 0 0 0 20 20 0 0 -10 {height:.4f} 0\n"
    library = write({"parts/1.dat": certified("Fold", body), "parts/2.dat": certified("Fold", body + line)})
    assert len(np.unique(library.mesh("1").corner_normals.reshape(-1, 3).round(4), axis=0)) == 2
    assert len(np.unique(library.mesh("2").corner_normals.reshape(-1, 3).round(4), axis=0)) == 3


def test_smooth_shading_reaches_across_a_t_junction(write: Write) -> None:
    # A wall bent by 20 degrees; on its right side the lower half only.
    c, s = np.cos(np.radians(20)) * 20, np.sin(np.radians(20)) * 20
    body = f"4 16 -20 0 0 -20 20 0 0 20 0 0 0 0\n4 16 0 0 0 0 10 0 {c:.4f} 10 {s:.4f} {c:.4f} 0 {s:.4f}\n"
    mesh = write({"parts/1.dat": certified("Wall", body)}).mesh("1")
    corners = mesh.vertices_mm[mesh.faces].reshape(-1, 3)
    top = corners[:, 2] > 7.9
    bend = np.abs(corners[:, 0] - np.sort(np.unique(corners[:, 0].round(3)))[1]) < 1e-2
    normals = np.abs(mesh.corner_normals.reshape(-1, 3)[top & bend])
    assert np.ptp(normals, axis=0).max() < 1e-3
    assert normals[0, 0] > 0.1
