"""``brickbench study bundle``: the study as one HTML file that works offline."""

import re
from pathlib import Path

import click

from core.cli import count_of, existing_folder
from core.errors import SettingsError
from core.files import require_new


@click.command()
@click.argument("study", type=existing_folder)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The HTML file.")
@click.option("--sheets", default=None, show_default="all", help="Such as 1-30 or 4,7: a sheet is one person's trials.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def bundle(study: Path, output: Path, sheets: str | None, force: bool) -> None:
    """Write a study as one HTML file that works offline.

    Its participant gets a small file of answers to send back; `brickbench study import` takes these in. With more
    than one sheet the page asks for a number, so that each person can be given a sheet of their own.

    \b
    Example:
      brickbench study bundle study -o study.html --sheets 1-30
    """
    from evaluation.study.web.bundle import write_bundle

    require_new(output, force=force)
    written = write_bundle(study, output, parse_sheets(sheets) if sheets else None)
    click.echo(f"{output}: {count_of(written, 'sheet')}, {output.stat().st_size / 1e6:.1f} MB", err=True)


def parse_sheets(text: str) -> list[int]:
    """Return the numbers in such as ``1-30`` or ``4,7,10-12``, each once, in order.

    Raises:
        SettingsError: it reads otherwise.
    """
    numbers: set[int] = set()
    for piece in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,6})(?:\s*-\s*(\d{1,6}))?\s*", piece)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            raise SettingsError(f"--sheets {text!r} should read such as 1-30 or 4,7,10-12.")
        numbers |= set(range(first, last + 1))
    return sorted(numbers)
