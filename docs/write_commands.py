"""Write docs/commands.md, the reference page of all commands, from the commands themselves.

``python docs/write_commands.py`` writes it; ``--check`` ends with exit code 1 if it is not what it would write.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from brickbench import cli

PAGE = Path(__file__).with_name("commands.md")
HEADER = """# Commands

Written by `make docs` from the commands' own help.
"""


def walk(command: click.Command, path: list[str]) -> Iterator[tuple[list[str], str]]:
    """Yield each command's words and its help, depth first."""
    context = click.Context(command, info_name=" ".join(path), max_content_width=100)
    context.help_option_names = ["-h", "--help"]
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from walk(child, [*path, name])


def page() -> str:
    """Return the whole page."""
    sections = [
        f"{'#' * (len(words) + 1)} {' '.join(words)}\n\n```\n{text}\n```\n" for words, text in walk(cli, ["brickbench"])
    ]
    return "\n".join([HEADER, *sections])


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
            sys.exit(f"{PAGE} is not what the commands say; run `make docs`.")
    else:
        PAGE.write_text(page(), encoding="utf-8")
