"""What commands share: lazily loaded groups, tables on stdout or as JSON, a few common options."""

import functools
import importlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from core.errors import SettingsError

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
Row = Mapping[str, object]


class LazyGroup(click.Group):
    """A group whose subcommands are imported when they are asked for, so that ``--help`` stays fast."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        """Take `lazy`: command name to (``module:attribute``, short help)."""
        super().__init__(*args, **kwargs)
        self._lazy = dict(lazy)
        # Placeholders keep click's "did you mean" aware of the names.
        for name, (_, short_help) in self._lazy.items():
            self.add_command(click.Command(name, short_help=short_help))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, importing it if it is a lazy one."""
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        module, attribute = self._lazy[cmd_name][0].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from their short helps, importing none."""
        del ctx
        rows = [(name, command.get_short_help_str(limit=100)) for name, command in sorted(self.commands.items())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def options(*given: Callable[[Any], Any]) -> Callable[[Decorated], Decorated]:
    """Return one decorator that adds several options, in this order in the help."""
    return lambda function: functools.reduce(lambda decorated, option: option(decorated), reversed(given), function)


def seed_option(help_text: str) -> Callable[[Decorated], Decorated]:
    """Return ``--seed``: 0 by default, a seed like any other."""
    return click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help=help_text)


def json_option(function: Decorated) -> Decorated:
    """Add ``--json``: the table as one JSON document on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(function)


def workers_option(function: Decorated) -> Decorated:
    """Add ``--workers``: how many processes work at once."""
    return click.option(
        "--workers", type=click.IntRange(min=1), default=None, show_default="one a CPU core", help="Processes."
    )(function)


network_workers_option = click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=None,
    show_default="one, or all that a Ray cluster has room for",
    help="Processes that each hold the network.",
)
"""``--workers`` of commands in which the network works in this process unless more are asked for."""


def device_option(function: Decorated) -> Decorated:
    """Add ``--device``: where the network runs."""
    return click.option(
        "--device",
        default="auto",
        show_default=True,
        help="auto, cpu, cuda, cuda:1 …; auto takes a GPU if there is one.",
    )(function)


existing_folder = click.Path(exists=True, file_okay=False, path_type=Path)
any_folder = click.Path(file_okay=False, path_type=Path)
existing_file = click.Path(exists=True, dir_okay=False, path_type=Path)
new_file = click.Path(dir_okay=False, path_type=Path)
dataset_folder_argument = click.argument("folder", metavar="DATASET", type=existing_folder)


def output_option(help_text: str, kind: click.Path = any_folder, **more: Any) -> Callable[[Decorated], Decorated]:
    """Return ``-o``: where the command writes; required, unless `more` gives a default."""
    return click.option("-o", "--output", type=kind, help=help_text, required="default" not in more, **more)


def say(sentence: str) -> None:
    """Print a sentence on stderr: what library functions take as `say`."""
    click.echo(sentence, err=True)


def count_of(number: int, thing: str) -> str:
    """Return such as ``1 shard`` or ``2 shards``."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def parse_choices(kind: str, names: str, settings: Sequence[str]) -> dict[str, dict[str, object]]:
    """Return chosen `names` with their `settings`, from ``a,b`` and ``a.name=value``; values are read as YAML.

    `kind` is what is chosen (``method``, ``metric``), for the messages.
    """
    import yaml

    chosen: dict[str, dict[str, object]] = {name.strip(): {} for name in names.split(",") if name.strip()}
    if not chosen:
        raise SettingsError(f"No {kind} was named: give --{kind}s a comma-separated list.")
    for text in settings:
        place, equals, value = text.partition("=")
        name, dot, setting = place.partition(".")
        if not equals or not dot or name not in chosen:
            raise SettingsError(
                f"--set {text!r} should read {kind.upper()}.NAME=VALUE with a {kind} of {', '.join(chosen)}."
            )
        try:
            chosen[name][setting] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise SettingsError(f"The value in --set {text!r} cannot be read: {str(error).splitlines()[0]}.") from error
    return chosen


def print_rows(rows: Sequence[Row], *, as_json: bool, columns: Sequence[str] | None = None) -> None:
    """Print `rows` on stdout as an aligned table, or as a JSON list; NaN becomes null in JSON, a dash in the table."""
    names = list(columns or (rows[0] if rows else ()))
    if as_json:
        print_json([{name: row.get(name) for name in (columns or row)} for row in rows])
        return
    from tabulate import tabulate

    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    numeric = [any(_is_number(row.get(name)) for row in rows) for name in names]
    align = ["right" if is_number else "left" for is_number in numeric]
    click.echo(tabulate(cells, headers=names, colalign=align if rows else None, disable_numparse=True))


def print_json(value: object) -> None:
    """Print `value` on stdout as JSON, with NaN and infinities as null and paths as text."""
    click.echo(json.dumps(plain_json(value), indent=2, ensure_ascii=False, allow_nan=False))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def plain_json(value: Any) -> Any:
    """Return `value` as JSON has it: NaN and infinities as null, arrays as lists, paths as text."""
    if isinstance(value, Mapping):
        return {str(name): plain_json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(inner) for inner in value]
    if hasattr(value, "tolist"):
        return plain_json(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    return str(value)
