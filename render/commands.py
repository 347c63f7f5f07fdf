"""The commands ``brickbench render …``."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from blender_assets.commands import ldraw_options
from core.cli import (
    Decorated,
    count_of,
    existing_file,
    json_option,
    new_file,
    output_option,
    print_rows,
    say,
    seed_option,
    workers_option,
)
from core.engines.options import engine_options, parse_share, share_option
from core.errors import BrickbenchError, SettingsError

if TYPE_CHECKING:
    from core.engine import Engine
    from render.settings import RenderSettings

count_option = click.option("--count", type=click.IntRange(min=1), default=640, show_default=True, help="Piles in all.")
seed_of_piles = seed_option("Seed of the piles.")
new_dataset_option = output_option("Folder of the dataset.")
cycles_device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "optix", "cuda", "hip", "oneapi", "metal"]),
    default="auto",
    show_default=True,
    help="What Cycles computes on; auto: the best GPU that each worker finds, else the processor.",
)


def settings_options(function: Decorated) -> Decorated:
    """Add SETTINGS and the options of an LDraw library; the command gets the loaded `settings`."""

    @functools.wraps(function)
    def command(*args: Any, settings: Path | None, ldraw: Path | None, prefer_ldraw: bool, **rest: Any) -> Any:
        from render.settings import RenderSettings

        folder = str(ldraw) if ldraw else None
        # A mistake in it is told before Blender is loaded.
        loaded = RenderSettings.load(settings, ldraw=folder, prefer_ldraw=prefer_ldraw or None)
        return function(*args, settings=loaded, **rest)

    return click.argument("settings", required=False, type=existing_file)(ldraw_options(command))  # type: ignore[return-value]


@click.group()
def render() -> None:
    """Render labelled piles of bricks into a dataset."""


@render.command()
@settings_options
@new_dataset_option
@count_option
@seed_of_piles
@workers_option
@cycles_device_option
@engine_options
@share_option("Every N-th shard from the K-th: N jobs with K = 1 to N divide the work; then run `dataset index`.")
def run(
    settings: "RenderSettings",
    output: Path,
    count: int,
    seed: int,
    workers: int | None,
    device: str,
    engine: "Engine",
    share: str,
) -> None:
    """Render piles into a dataset, or go on with one that was begun.

    SETTINGS is a YAML file; without it the defaults hold (see `brickbench render settings`). `brickbench status` tells
    how far it is, from another terminal.

    \b
    Example:
      brickbench render run -o piles --count 640 --seed 0
      brickbench render run -o piles --count 64000 --engine ray --worker-gpus 0.5
    """
    from render.run import render_dataset

    of = parse_share(share)
    try:
        plan = render_dataset(
            settings, output, count=count, seed=seed, workers=workers, device=device, engine=engine, share=of, say=say
        )
    except KeyboardInterrupt:
        say("\nStopped. Finished piles are kept; each worker loses the one that it was on.")
        raise
    if plan.set_aside:
        say(_aside_words(plan.set_aside))
    made = f"{plan.piles} piles, {plan.pictures} pictures in {plan.shards} shards"
    if of == (1, 1):
        say(f"{output}: {made}.")
    else:
        left = f"When all shares are, run `brickbench dataset index {output}`."
        say(f"{output}: share {share} of {made} is there. {left}")


def _aside_words(set_aside: Mapping[int, str]) -> str:
    named = "\n".join(f"  pile {pile}: {reason}" for pile, reason in sorted(set_aside.items())[:5])
    more = f"\n  and {len(set_aside) - 5} more, in the index's table set_aside" if len(set_aside) > 5 else ""
    return f"{count_of(len(set_aside), 'pile')} could not be made; their shards are whole without them:\n{named}{more}"


@render.command()
@settings_options
@new_dataset_option
@count_option
@seed_of_piles
@workers_option
@click.option(
    "--trial",
    type=click.IntRange(min=0),
    default=4,
    show_default=True,
    help="Piles to render on trial; 0: no estimate.",
)
@cycles_device_option
@click.option(
    "--try-workers",
    type=click.IntRange(min=1),
    multiple=True,
    help="Also measure the pictures an hour of so many workers, each with --trial piles; may be repeated.",
)
@json_option
def plan(
    settings: "RenderSettings",
    output: Path,
    count: int,
    seed: int,
    workers: int | None,
    trial: int,
    device: str,
    try_workers: tuple[int, ...],
    as_json: bool,
) -> None:
    """Say what `render run` would make, what of it is there already, and how long the rest takes.

    Disk and time come from a few piles rendered on trial on one core; nothing is written. With --try-workers a second
    table has the pictures an hour of several numbers of workers on --device: how many fill a GPU.

    \b
    Example:
      brickbench render plan -o piles --count 640
      brickbench render plan -o piles --count 640 --device optix --try-workers 1 --try-workers 2 --try-workers 4
    """
    from render.run import default_workers, plan_render

    if try_workers and not trial:
        raise SettingsError("--try-workers needs --trial: say how many piles each worker renders.")
    planned = plan_render(settings, output, count)
    row: dict[str, object] = {
        "piles": planned.piles, "pictures": planned.pictures,
        "shards": planned.shards, "there": planned.shards_there, "missing": len(planned.missing),
    }  # fmt: skip
    if trial:
        from render.trial import estimate, free_bytes

        each, workers = estimate(settings, seed, trial), workers or default_workers()
        piles = count * len(planned.missing) / planned.shards
        row |= {
            "cpu_seconds_per_picture": round(each.cpu_seconds * planned.piles / planned.pictures, 2),
            "workers": workers,
            "hours": round(each.cpu_seconds * piles / workers / 3600, 2),
            "disk_mb": round(each.disk_bytes * piles / 1e6, 1),
            "disk_free_mb": round(free_bytes(output) / 1e6),
        }
    if try_workers:
        from render.rates import measure_rates

        rates = [
            {"workers": rate.workers, "pictures_an_hour": round(rate.pictures_an_hour)}
            for rate in measure_rates(settings, seed, device, try_workers, trial)
        ]
        if as_json:
            row["rates"] = rates
    print_rows([row], as_json=as_json)
    if try_workers and not as_json:
        print_rows(rates, as_json=False)
    if trial and each.disk_bytes * piles > free_bytes(output):
        raise BrickbenchError(f"The disk of {output} is too small for this; free some of it or choose another folder.")


@render.command()
@settings_options
@output_option("Picture to write.", new_file)
@click.option("--count", type=click.IntRange(1, 64), default=6, show_default=True, help="Piles to show.")
@seed_of_piles
def preview(settings: "RenderSettings", output: Path, count: int, seed: int) -> None:
    """Draw a contact sheet of the first piles, each with its masks below it.

    \b
    Example:
      brickbench render preview -o preview.png --count 6
    """
    from render.trial import draw_preview

    draw_preview(settings, seed, count, output)
    say(f"Wrote {output}.")


@render.command()
def settings() -> None:
    """Print the default settings as YAML, to begin a settings file with.

    \b
    Example:
      brickbench render settings > render.yaml
    """
    import yaml

    from render.settings import RenderSettings

    click.echo(yaml.safe_dump(RenderSettings().model_dump(mode="json"), sort_keys=False), nl=False)
