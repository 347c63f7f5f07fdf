"""``brickbench study build``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.cli import any_folder, count_of, existing_file, json_option, print_json, workers_option
from training.options import checkpoint_there_option, run_argument

if TYPE_CHECKING:
    from training.run.run import Run


@click.command()
@run_argument
@click.option("-o", "--output", "study", type=any_folder, required=True, metavar="STUDY", help="The folder to make.")
@click.option("--settings", "settings_file", type=existing_file, default=None, help="YAML; the options below win.")
@click.option("--methods", default=None, show_default="gradcam,lime", help="Two or more, with commas.")
@click.option("--items", type=click.IntRange(min=1), default=None, show_default="20", help="Pictures with a part each.")
@click.option("--list", "listed", type=existing_file, default=None, help="CSV of image_id, part_id: take these items.")
@click.option(
    "--participants", type=click.IntRange(min=1), default=None, show_default="20", help="Sheets to plan, one a person."
)
@click.option("--seed", type=click.IntRange(min=0), default=None, show_default="0", help="Of items, orders and sides.")
@checkpoint_there_option("maps")
@click.option(
    "--power-simulations",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    help="Studies simulated for each power in the preregistration; 0 leaves it out.",
)
@workers_option
@click.option("--force", is_flag=True, help="Replace another study; never one that has answers or links.")
@json_option
def build(
    run: "Run",
    study: Path,
    settings_file: Path | None,
    methods: str | None,
    items: int | None,
    listed: Path | None,
    participants: int | None,
    seed: int | None,
    checkpoint: str | None,
    power_simulations: int,
    workers: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make a blind study from RUN's maps: pictures, a balanced plan, a preregistration sheet.

    Items are drawn evenly over right and wrong answers, parts and confidence, each from another pile. The maps must be
    there: `brickbench explain run` makes them. The same command again does nothing where the study is whole.

    \b
    Example:
      brickbench study build bricks/runs/first -o study
      brickbench study build bricks/runs/first -o study --items 30 --participants 30 --methods gradcam,lime
      brickbench study build bricks/runs/first -o study --settings my_study.yaml --list items.csv
    """
    import os

    from core.errors import SettingsError
    from evaluation.study.build.folder import build_study
    from evaluation.study.settings import StudySettings

    if listed is not None and items is not None:
        raise SettingsError("--list names the items, so --items has no meaning: leave one of the two out.")
    settings = StudySettings.load(
        settings_file,
        methods=None if methods is None else tuple(name.strip() for name in methods.split(",") if name.strip()),
        items=items,
        participants=participants,
        seed=seed,
    )
    built = build_study(
        run,
        study,
        settings,
        listed=listed,
        checkpoint=checkpoint,
        power_simulations=power_simulations,
        workers=workers or len(os.sched_getaffinity(0)),
        force=force,
    )
    if as_json:
        print_json(vars(built))
        return
    state = "made" if built.is_new else "was there already, and is whole"
    click.echo(
        f"{built.study} {state}: {count_of(built.items, 'item')}, {count_of(built.sheets, 'sheet')} of "
        f"{count_of(built.trials, 'trial')}, {count_of(built.pictures, 'picture')} of {built.picture_bytes} bytes."
    )
    click.echo(f"SHA-256 of its key: {built.key_sha256}")
