"""LDraw models: what is in them, where, in which colours, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from blender_assets.catalogue import load_catalogue
from blender_assets.colors import FINISHES, linear_rgb
from blender_assets.ldraw.library import LDrawLibrary
from blender_assets.ldraw.lines import LDrawError
from blender_assets.ldraw.models import read_model
from blender_assets.models import model_bricks, model_mesh
from blender_assets.own.settings import OwnMesh
from core.errors import SettingsError

# A wedge of 40 x 20 x 24 units: its origin, as of all bricks, in the middle of its upper side; y points down.
WEDGE = """0 Wedge
0 BFC CERTIFY CCW
3 16 -20 0 -10 20 24 -10 -20 24 -10
3 16 -20 0 10 -20 24 10 20 24 10
4 16 -20 0 -10 -20 0 10 20 24 10 20 24 -10
4 16 -20 24 -10 20 24 -10 20 24 10 -20 24 10
4 16 -20 0 -10 -20 24 -10 -20 24 10 -20 0 10
"""
AT = "1 0 0 0 1 0 0 0 1"
TURNED = "0 0 1 0 1 0 -1 0 0"  # x to -z
Write = Callable[[str], Path]


@pytest.fixture
def library(tmp_path: Path) -> LDrawLibrary:
    for folder in ("parts", "p"):
        (tmp_path / "lib" / folder).mkdir(parents=True)
    (tmp_path / "lib" / "parts" / "90001.dat").write_text(WEDGE)
    (tmp_path / "lib" / "parts" / "90000.dat").write_text("0 ~Moved to 90001\n")
    return LDrawLibrary(tmp_path / "lib")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_model(text: str, name: str = "m.mpd") -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write_model


def test_a_brick_is_where_the_model_puts_it(library: LDrawLibrary, write: Write) -> None:
    (found,) = read_model(write(f"0 Model\n1 4 10 -24 50 {AT} 90000.dat\n"), library)
    assert (found.part_id, found.color) == ("90001", 4)
    np.testing.assert_allclose(found.model_from_part[:, :3], np.eye(3), atol=1e-9)
    # Its underside lies at y = 0 and so at z = 0; 10 units right are 4 mm, 50 back 20 mm.
    np.testing.assert_allclose(found.model_from_part[:, 3], [4, 20, 0], atol=1e-9)
    (turned,) = read_model(write(f"1 4 0 0 0 {TURNED} 90001.dat\n"), library)
    vertices = library.mesh("90001").vertices_mm
    thick = vertices[vertices[:, 0] < 0].mean(axis=0)  # at -x, which the matrix brings to +z, to the back
    np.testing.assert_allclose(
        turned.model_from_part[:, :3] @ thick + turned.model_from_part[:, 3], [0, 8, -4.8], atol=1e-5
    )


def test_sub_models_are_taken_apart_and_hand_their_colour_down(library: LDrawLibrary, write: Write) -> None:
    write(f"0 Beside\n1 16 0 0 0 {AT} 90001.dat\n", "side.ldr")
    text = (
        f"0 FILE main.ldr\n1 14 0 0 0 {AT} Sub Model.ldr\n1 16 0 0 0 {AT} 90001.dat\n1 1 0 0 0 {AT} side.ldr\n"
        "0 NOFILE\njunk that belongs to no file\n"
        f"0 FILE sub model.ldr\n1 16 20 0 0 {TURNED} 90001.dat\n1 0 0 0 40 {AT} 90001.dat\n"
    )
    found = read_model(write(text), library)
    assert [part.color for part in found] == [14, 0, 16, 1]
    np.testing.assert_allclose(found[0].model_from_part[:, 3], [8, 0, -9.6], atol=1e-9)
    np.testing.assert_allclose(found[1].model_from_part[:, 3], [0, 16, -9.6], atol=1e-9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"1 4 0 0 0 {AT} 3.dat\n", r"refers to '3\.dat', which is neither in it, nor beside it, nor a part in"),
        ("1 4 0 0 0 -1 0 0 0 1 0 0 0 1 90001.dat\n", "has a part 90001 that is scaled or mirrored"),
        ("1 4 0 0 0 2 0 0 0 2 0 0 0 2 90001.dat\n", "has a part 90001 that is scaled or mirrored"),
        (f"0 FILE a.ldr\n1 4 0 0 0 {AT} b.ldr\n0 FILE b.ldr\n1 4 0 0 0 {AT} a.ldr\n", r"refers to a\.ldr in a circle"),
        ("3 4 0 0 0 1 0 0 0 1 0\n", "holds faces of its own; only parts of the library can be read"),
        ("0 Nothing\n", "holds no part"),
        (f"1 4 0 0 0 {AT} 90001.dat\n" * 501, "has more than 500 parts"),
        ("1 4 0 0\n", "a line of type 1 should hold a colour, 12 numbers and a file name"),
    ],
)
def test_what_is_no_model_is_refused(library: LDrawLibrary, write: Write, text: str, message: str) -> None:
    with pytest.raises(LDrawError, match=message):
        read_model(write(text), library)


def test_a_missing_model_or_library_is_named(library: LDrawLibrary, write: Write, tmp_path: Path) -> None:
    with pytest.raises(LDrawError, match=r"no\.ldr is not there; paths start at the current folder\."):
        read_model(tmp_path / "no.ldr", library)
    with pytest.raises(SettingsError, match="needs an LDraw library, which says where its parts are; set ldraw"):
        model_bricks(write(f"1 4 0 0 0 {AT} 90001.dat\n"), load_catalogue())


def test_a_model_is_one_part_in_its_colours(library: LDrawLibrary, write: Write) -> None:
    path = write(f"1 4 0 0 0 {AT} 90001.dat\n1 33 0 -24 0 {TURNED} 90001.dat\n1 16 40 0 0 {AT} 90001.dat\n")
    catalogue = load_catalogue(library.files.root, meshes=(("tower", OwnMesh(file=str(path))),))
    mesh = catalogue.mesh("tower")
    np.testing.assert_allclose(mesh.bounds_mm, [[-16, -8, 0], [16, 8, 19.2]], atol=1e-5)
    one = library.mesh("90001")
    assert mesh.mass_g == pytest.approx(3 * one.mass_g)
    assert mesh.paint is not None
    looks = {(FINISHES[k] if k >= 0 else None, tuple(rgb)) for k, rgb in zip(*_looks(mesh.paint), strict=True)}
    blue, red = (tuple(np.float32(linear_rgb(value))) for value in ("0020A0", "B40000"))
    assert looks == {("solid", red), ("transparent", blue), (None, (0, 0, 0))}
    assert catalogue.remarks() == []
    drawn = load_catalogue(library.files.root, meshes=(("tower", OwnMesh(file=str(path), color="Red", mass_g=5)),))
    assert drawn.mesh("tower").paint is None
    assert drawn.mesh("tower").mass_g == 5
    with pytest.raises(SettingsError, match="an LDraw model has its own unit and axes; leave out unit and up"):
        OwnMesh.parse({"file": str(path), "unit": "mm"})


def _looks(paint: object) -> tuple[list[int], list[list[float]]]:
    return paint.finish.tolist(), paint.rgb.tolist()  # type: ignore[attr-defined]


LDRAW = Path(__file__).parents[2].parent / "shared" / "ldraw"


@pytest.mark.skipif(not LDRAW.is_dir(), reason="no LDraw library beside the project")
def test_built_in_shapes_lie_where_the_librarys_do(write: Write) -> None:
    path = write(
        f"1 4 0 0 0 {AT} 3001.dat\n1 1 20 -24 0 {TURNED} 3039.dat\n"
        f"1 2 0 0 80 {AT} 41769.dat\n1 2 0 0 160 {AT} 32523.dat\n"
    )
    ours, theirs = (model_mesh(path, load_catalogue(LDRAW, prefer)) for prefer in (False, True))
    np.testing.assert_allclose(ours.bounds_mm, theirs.bounds_mm, atol=0.21)
    np.testing.assert_allclose(ours.centroid_mm, theirs.centroid_mm, atol=1.0)
