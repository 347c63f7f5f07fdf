"""Which surfaces there are, and their maps: drawn once, then read from the cache folder."""

import hashlib
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from core.cache_folder import cache_folder
from core.files import atomic_file
from render.textures import boards, hard, papers, prints, tufted, wood, woven
from render.textures.maps import Drawing, Maps, maps_of

SURFACES: dict[tuple[str, str], Callable[[np.random.Generator], Drawing]] = {
    ("paper", "white"): papers.white,
    ("paper", "folded"): papers.folded,
    ("paper", "squared"): papers.squared,
    ("paper", "lined"): papers.lined,
    ("paper", "notebook"): papers.squared,
    ("paper", "handwritten"): papers.handwritten,
    ("paper", "towel"): papers.towel,
    ("print", "page"): prints.page,
    ("print", "magazine"): prints.magazine,
    ("print", "package"): prints.package,
    ("plain", "smooth"): hard.smooth,
    ("plain", "painted"): hard.painted,
    ("desk", "speckled"): hard.speckled,
    ("desk", "pebbled"): hard.pebbled,
    ("desk", "printed"): hard.printed,
    ("wood", "planks"): wood.planks,
    ("wood", "staves"): wood.staves,
    ("wood", "veneer"): wood.veneer,
    ("wood", "butcher"): wood.butcher,
    ("tiles", "glazed"): hard.glazed,
    ("tiles", "clouded"): hard.clouded,
    ("tiles", "wooden"): hard.wooden,
    ("stone", "granite"): hard.granite,
    ("stone", "terrazzo"): hard.terrazzo,
    ("stone", "marble"): hard.marble,
    ("stone", "slate"): hard.slate,
    ("cloth", "plain"): woven.plain,
    ("cloth", "twill"): woven.twill,
    ("cloth", "linen"): woven.linen,
    ("cloth", "checked"): woven.checked,
    ("cloth", "mesh"): woven.mesh,
    ("cloth", "terry"): woven.terry,
    ("cloth", "tablecloth"): woven.tablecloth,
    ("carpet", "tufted"): tufted.tufted,
    ("carpet", "melange"): tufted.melange,
    ("carpet", "shaggy"): tufted.shaggy,
    ("ribbed", "corduroy"): tufted.corduroy,
    ("ribbed", "blanket"): tufted.blanket,
    ("ribbed", "knitted"): tufted.knitted,
    ("rug", "striped"): tufted.striped,
    ("rug", "diamonds"): tufted.diamonds,
    ("rug", "ornament"): tufted.ornament,
    ("rug", "upholstery"): tufted.upholstery,
    ("cardboard", "board"): boards.carton,
    ("cardboard", "sheet"): boards.kraft,
}
"""By kind and style."""

VARIANTS = 4
"""Drawings of each; colours, scale, turn and shift come on top."""


def draw(kind: str, style: str, variant: int) -> Maps:
    """Return the maps of a surface, drawn anew."""
    seed = np.random.SeedSequence([variant, *kind.encode(), 0, *style.encode()])
    return maps_of(SURFACES[kind, style](np.random.default_rng(seed)))


def maps(kind: str, style: str, variant: int) -> Maps:
    """Return the maps of a surface: from the cache folder, else drawn and put there.

    A folder that cannot be written, or a file in it that cannot be read, costs time only.
    """
    path = cache_folder() / f"textures-{_version()}" / f"{kind}-{style}-{variant}.npz"
    with (
        suppress(OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile),
        path.open("rb") as file,
        np.load(file) as kept,
    ):
        width, height = kept["size_mm"].tolist()
        return Maps(kept["blend"], kept["normal"], (width, height))
    made = draw(kind, style, variant)
    with suppress(OSError), atomic_file(path) as temporary, temporary.open("wb") as output:
        np.savez_compressed(output, blend=made.blend, normal=made.normal, size_mm=made.size_mm)
    return made


@cache
def _version() -> str:
    """Return a digest of the code that draws, so that no file of another version is taken."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
