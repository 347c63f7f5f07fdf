"""``brickbench study serve``: let people answer a study in their browsers."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.cli import existing_folder
from core.errors import SettingsError

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
    from evaluation.study.web.server import Entrance
    from evaluation.study.web.server import serve as run

    settings = read_settings(study)
    if cap is not None and not open_link:
        raise SettingsError("--cap limits the open link: add --open, or leave --cap out.")
    if open_link and (cap := cap or settings.cap) is None:
        raise SettingsError("An open link needs a limit: give one, such as --cap 200, or `cap` in the settings.")
    if links is None:
        links = 0 if open_link else settings.participants

    def announce(told: "Addresses") -> None:
        words = [f"{study} is served at {told.page} (Ctrl-C ends this)."]
        if told.links:
            words.append(f"Personal links ({told.links}): {study / PARTICIPANTS}")
        if told.open_link:
            words.append(f"Open link, for {cap} people: {told.open_link}")
        words.append(f"Organiser's page: {told.organiser}")
        if host not in OWN_MACHINE and not (url or "").startswith("https://"):
            words.append("People's answers travel unencrypted; put a proxy with TLS in front, and name it with --url.")
        click.echo("\n".join(words), err=True)

    run(study, host, port, Entrance(links, cap or 0 if open_link else 0, url), announce)
