"""The commands ``brickbench render …``."""

from pathlib import Path

import click

from core.cli import any_folder, existing_file, json_option, print_rows, workers_option

count_option = click.option("--count", type=click.IntRange(min=1), default=640, show_default=True, help="Piles in all.")
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the piles."
)
settings_argument = click.argument("settings", required=False, type=existing_file)
output_option = click.option("-o", "--output", required=True, type=any_folder, help="Folder of the dataset.")


@click.group()
def render() -> None:
    """Render labelled piles of bricks into a dataset."""


@render.command()
@settings_argument
@output_option
@count_option
@seed_option
@workers_option
def run(settings: Path | None, output: Path, count: int, seed: int, workers: int | None) -> None:
    """Render piles into a dataset, or go on with one that was begun.

    SETTINGS is a YAML file; without it the defaults hold (see `brickbench render settings`).

    \b
    Example:
      brickbench render run -o piles --count 640 --seed 0
    """
    from render.settings import RenderSettings

    chosen = RenderSettings.load(settings)  # a mistake in it is told before Blender is loaded
    from render.run import render_dataset

    plan = render_dataset(chosen, output, count=count, seed=seed, workers=workers)
    click.echo(f"{output}: {plan.piles} piles, {plan.pictures} pictures in {plan.shards} shards.", err=True)


@render.command()
@settings_argument
@output_option
@count_option
@json_option
def plan(settings: Path | None, output: Path, count: int, as_json: bool) -> None:
    """Say what `render run` would make, and how much of it is there already.

    \b
    Example:
      brickbench render plan -o piles --count 640
    """
    from dataclasses import asdict

    from render.run import plan_render
    from render.settings import RenderSettings

    planned = asdict(plan_render(RenderSettings.load(settings), output, count))
    planned["missing"] = len(planned["missing"])
    print_rows([planned], as_json=as_json)


@render.command()
@settings_argument
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Picture to write."
)
@click.option("--count", type=click.IntRange(1, 64), default=6, show_default=True, help="Piles to show.")
@seed_option
def preview(settings: Path | None, output: Path, count: int, seed: int) -> None:
    """Draw a contact sheet of the first piles, each with its masks below it.

    \b
    Example:
      brickbench render preview -o preview.png --count 6
    """
    from render.preview import draw_preview
    from render.settings import RenderSettings

    draw_preview(RenderSettings.load(settings), seed, count, output)
    click.echo(f"Wrote {output}.", err=True)


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
