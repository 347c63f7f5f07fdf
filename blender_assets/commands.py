"""The commands ``brickbench parts …``."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.cli import (
    Decorated,
    any_folder,
    existing_file,
    json_option,
    new_file,
    options,
    output_option,
    print_rows,
    say,
)

if TYPE_CHECKING:
    from PIL import Image

    from blender_assets.catalogue import Catalogue
    from blender_assets.export import Format

MOST_ON_A_SHEET = 1000
"""Half a minute of drawing for each hundred; a whole library has 24,000."""


ldraw_options = options(
    click.option(
        "--ldraw",
        type=any_folder,
        default=None,
        show_default="built-in parts alone",
        help="Folder of an LDraw library (complete.zip of ldraw.org, unpacked), whose parts are there too.",
    ),
    click.option("--prefer-ldraw", is_flag=True, help="Take the library's shape for built-in parts too."),
)
"""``--ldraw`` and ``--prefer-ldraw``: parts of an LDraw library."""


def catalogue_options(function: Decorated) -> Decorated:
    """Add the options of an LDraw library and of own meshes; the command gets the loaded `catalogue`."""

    @functools.wraps(function)
    def command(*args: Any, ldraw: Path | None, prefer_ldraw: bool, meshes: Path | None, **rest: Any) -> Any:
        from blender_assets.catalogue import load_catalogue
        from blender_assets.own.settings import load_meshes

        catalogue = load_catalogue(ldraw, prefer_ldraw, load_meshes(meshes))
        for remark in catalogue.remarks():
            say(remark)
        return function(*args, catalogue=catalogue, **rest)

    option = click.option(
        "--meshes",
        type=existing_file,
        default=None,
        help="Settings file (YAML) whose `meshes` are there too, such as a render's.",
    )
    return ldraw_options(option(command))  # type: ignore[return-value]


def picture_options(color: str) -> Callable[[Decorated], Decorated]:
    """Return ``--output`` and ``--color``, by default `color`."""
    return options(
        output_option("Picture to write: .png, .jpg or .webp.", new_file),
        click.option("--color", default=color, show_default=True, help="Name or LDraw number of a colour."),
    )


@click.group()
def parts() -> None:
    """Look at the catalogue of parts."""


@parts.command("list")
@catalogue_options
@json_option
def list_parts(catalogue: "Catalogue", as_json: bool) -> None:
    """List the built-in parts and own meshes with their sizes, and an LDraw library's.

    \b
    Example:
      brickbench parts list
      brickbench parts list --ldraw ldraw --json
      brickbench parts list --meshes render.yaml
    """
    rows: list[dict[str, object]] = []
    for part in catalogue:
        row: dict[str, object] = {"part_id": part.part_id, "name": part.name, "category": part.category}
        if part.source != "ldraw":
            mesh = catalogue.mesh(part.part_id)
            length, width, height = (round(float(side), 2) for side in mesh.size_mm)
            row |= {"length_mm": length, "width_mm": width, "height_mm": height, "triangles": len(mesh.faces)}
        rows.append(row | {"source": part.source})
    columns = ("part_id", "name", "category", "length_mm", "width_mm", "height_mm", "triangles", "source")
    print_rows(rows, as_json=as_json, columns=columns)


@parts.command()
@click.argument("part_id")
@picture_options("Yellow")
@catalogue_options
def show(part_id: str, output: Path, color: str, catalogue: "Catalogue") -> None:
    """Draw one part from above, from below and from its six sides.

    \b
    Example:
      brickbench parts show 3001 -o 3001.png
      brickbench parts show 3749 -o pin.png --ldraw ldraw --color Tan
    """
    from blender_assets.colors import color_by_name
    from blender_assets.sheets import part_page

    chosen, part = color_by_name(color), catalogue[part_id]
    _write(part_page(part, catalogue.mesh(part_id), part.color or chosen), output)


@parts.command()
@picture_options("Medium Azure")
@catalogue_options
@click.option("--parts", "part_ids", default=None, show_default="all", help="Numbers of parts, separated by commas.")
@click.option("--underside", is_flag=True, help="Look from below.")
@click.option("--columns", type=click.IntRange(1, 40), default=10, show_default=True, help="Parts side by side.")
def sheet(
    output: Path,
    color: str,
    catalogue: "Catalogue",
    part_ids: str | None,
    underside: bool,
    columns: int,
) -> None:
    """Draw many parts side by side, with their numbers and names.

    \b
    Example:
      brickbench parts sheet -o parts.png
      brickbench parts sheet -o technic.png --ldraw ldraw --parts 3700,3705,3749 --underside
    """
    from itertools import islice

    from blender_assets.colors import color_by_name
    from blender_assets.sheets import parts_sheet
    from core.errors import SettingsError

    chosen = color_by_name(color)
    names = [name.strip() for name in (part_ids or "").split(",") if name.strip()]
    shown = [catalogue[name] for name in names] if names else list(islice(catalogue, MOST_ON_A_SHEET + 1))
    if len(shown) > MOST_ON_A_SHEET:
        raise SettingsError(f"A sheet holds up to {MOST_ON_A_SHEET:,} parts, and there are more; choose with --parts.")
    title = f"{len(shown)} part{'s' if len(shown) > 1 else ''}{' from below' if underside else ''}"
    meshes = [(part, catalogue.mesh(part.part_id)) for part in shown]
    _write(parts_sheet(meshes, chosen, "below" if underside else "above", title, columns), output)


@parts.command("export")
@click.argument("part_id")
@click.option("--format", "kind", type=click.Choice(["obj", "stl", "glb"]), required=True, help="Format of the file.")
@output_option("File to write.", new_file)
@click.option("--color", default="Yellow", show_default=True, help="Of what has no colour of its own.")
@catalogue_options
def export_part(part_id: str, kind: "Format", output: Path, color: str, catalogue: "Catalogue") -> None:
    """Write one part as a mesh for other programs.

    OBJ and STL are in millimetres with z up, GLB in metres with y up, as its standard says. OBJ and GLB have smooth
    normals and colours.

    \b
    Example:
      brickbench parts export 3001 --format stl -o 3001.stl
      brickbench parts export my_gear --format glb -o gear.glb --meshes render.yaml
    """
    from blender_assets.colors import color_by_name
    from blender_assets.export import part_file
    from core.files import output_file

    chosen, part = color_by_name(color), catalogue[part_id]
    data = part_file(catalogue.mesh(part_id), part.color or chosen, kind)
    with output_file(output) as temporary:
        temporary.write_bytes(data)
    say(f"Wrote {output}.")


def _write(page: "Image.Image", output: Path) -> None:
    from core.errors import SettingsError
    from core.files import output_file

    formats = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
    if output.suffix.lower() not in formats:
        raise SettingsError(f"{output} should end with .png, .jpg or .webp, the formats that a picture is written in.")
    with output_file(output) as temporary:
        page.save(temporary, format=formats[output.suffix.lower()])
    say(f"Wrote {output}.")
