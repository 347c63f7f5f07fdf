"""``brickbench study serve`` and ``bundle``: let people answer a study in their browsers, served or from one file."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.cli import count_of, existing_folder, new_file, output_option
from core.errors import SettingsError
from core.files import require_new

if TYPE_CHECKING:
    from evaluation.study.web.server import Addresses

OWN_MACHINE = ("127.0.0.1", "localhost", "::1")


@click.command()
@click.argument("study", type=existing_folder)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; 0.0.0.0 for the whole network.")
@click.option("--port", type=click.IntRange(0, 65535), default=8322, show_default=True, help="0: any free one.")
@click.option("--url", default=None, show_default="as it listens", help="Where people reach it, behind a proxy.")
@click.option(
    "--links", type=click.IntRange(0, 100_000), default=None, show_default="one a sheet, none with --open",
    help="How many personal links participants.csv holds; those that are there stay.",
)  # fmt: skip
@click.option("--open", "open_link", is_flag=True, help="Let people in by one open link.")
@click.option(
    "--cap", type=click.IntRange(min=1), default=None, show_default="the settings'",
    help="How many people the open link lets in.",
)  # fmt: skip
def serve(
    study: Path, host: str, port: int, url: str | None, links: int | None, open_link: bool, cap: int | None
) -> None:
    """Serve a study until Ctrl-C: personal links in participants.csv, or one open link.

    Each answer is on disk, in answers.sqlite, before its page moves on. Ended and started again, people go on where
    they were. Links and the organiser's page have secrets in them: send them to whom they are for.

    \b
    Example:
      brickbench study serve study --links 30
      brickbench study serve study --open --cap 200 --host 0.0.0.0 --url https://study.example.org/
    """
    from evaluation.study.settings import read_settings
    from evaluation.study.web.links import PARTICIPANTS
    from evaluation.study.web.server import serve as run

    settings = read_settings(study)
    if cap is not None and not open_link:
        raise SettingsError("--cap limits the open link: add --open, or leave --cap out.")
    if open_link and (cap := cap or settings.cap) is None:
        raise SettingsError("An open link needs a limit: give one, such as --cap 200, or `cap` in the settings.")
    if links is None:
        links = 0 if open_link else settings.participants

    def announce(addresses: "Addresses") -> None:
        words = [f"{study} is served at {addresses.page} (Ctrl-C ends this)."]
        if addresses.links:
            words.append(f"Personal links ({addresses.links}): {study / PARTICIPANTS}")
        if addresses.open_link:
            words.append(f"Open link, for {cap} people: {addresses.open_link}")
        words.append(f"Organiser's page: {addresses.organiser}")
        if host not in OWN_MACHINE and not (url or "").startswith("https://"):
            words.append("People's answers travel unencrypted; put a proxy with TLS in front, and name it with --url.")
        click.echo("\n".join(words), err=True)

    run(study, host, port, announce, links=links, cap=cap or 0 if open_link else 0, url=url)


@click.command()
@click.argument("study", type=existing_folder)
@output_option("The HTML file.", new_file)
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
    from evaluation.study.web.pages import write_bundle

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
