"""``brickbench status``: how far a render is, in tables or as JSON, once or again and again."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.cli import dataset_folder_argument, json_option, print_json, print_rows

if TYPE_CHECKING:
    from workflows.status import Status

ERRORS_SHOWN = 5
_LISTS = ("devices", "workers", "failures", "set_aside")


@click.command()
@dataset_folder_argument
@click.option("--watch", is_flag=True, help="Print it again every few seconds until the render has ended.")
@json_option
def status(folder: Path, watch: bool, as_json: bool) -> None:
    """Say how far a render is: done, running, failed, rate, time left, last errors.

    It only reads, also while the render runs elsewhere, and works on any machine that sees the folder. The log of
    each shard is in DATASET/logs/shards.

    \b
    Example:
      brickbench status bricks
      brickbench status bricks --watch
    """
    from workflows.status import read_status

    while True:
        found = read_status(folder)
        if watch and not as_json:
            click.clear()
        _print(found, folder, as_json=as_json)
        if not watch or found.state != "running":
            return
        time.sleep(5)


def _print(found: "Status", root: Path, *, as_json: bool) -> None:
    if as_json:
        print_json(vars(found) | {name: [vars(row) for row in getattr(found, name)] for name in _LISTS})
        return
    left = "–" if found.hours_left is None or found.state != "running" else f"{found.hours_left:.2f}"
    facts = {
        "state": found.state,
        "piles": f"{found.piles_done} of {found.piles}",
        "shards": f"{found.shards_done} of {found.shards}",
        "running": found.shards_running,
        "failed": found.shards_failed,
        "set_aside": len(found.set_aside),
        "piles_per_hour": round(found.piles_per_hour, 1),
        "hours_left": left,
        "engine": found.engine,
    }
    print_rows([facts], as_json=False)
    if found.devices:
        click.echo("\ndevices")
        print_rows([vars(row) for row in found.devices], as_json=False)
    if found.failures:
        from render.journal import shard_log

        click.echo(f"\nlast errors ({len(found.failures)} in all)")
        last = [vars(row) | {"log": str(shard_log(root, row.shard))} for row in found.failures[-ERRORS_SHOWN:]]
        print_rows(last, as_json=False)
    if found.set_aside:
        click.echo(f"\npiles that could not be made ({len(found.set_aside)} in all; their shards go on without them)")
        print_rows([vars(row) for row in found.set_aside[-ERRORS_SHOWN:]], as_json=False)
