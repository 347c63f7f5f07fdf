"""The commands ``brickbench parts …``."""

import click

from core.cli import json_option, print_rows


@click.group()
def parts() -> None:
    """Look at the catalogue of parts."""


@parts.command("list")
@json_option
def list_parts(as_json: bool) -> None:
    """List the built-in parts with their sizes.

    \b
    Example:
      brickbench parts list
    """
    from blender_assets.catalogue import load_catalogue

    rows = []
    catalogue = load_catalogue()
    for part in catalogue:
        length, width, height = (round(float(side), 2) for side in catalogue.mesh(part.part_id).size_mm)
        rows.append(
            {
                "part_id": part.part_id, "name": part.name, "category": part.category,
                "length_mm": length, "width_mm": width, "height_mm": height,
                "triangles": len(catalogue.mesh(part.part_id).faces),
            }
        )  # fmt: skip
    print_rows(rows, as_json=as_json)
