"""``brickbench explain``: maps in bulk, the table of methods, one picture with its explanations."""

from pathlib import Path
from typing import Literal

import click

from core.cli import device_option, existing_folder, json_option, parse_choices, print_json, print_rows
from core.errors import BrickbenchError
from explain.network.commands import features, kernels, maximize

DEFAULT_METHODS = "gradcam,lime,random,center_gaussian,edges,uniform"

dataset_option = click.option(
    "-d", "--dataset", type=existing_folder, default=None, show_default="the run's own", help="The dataset."
)


@click.group()
def explain() -> None:
    """Explain what a classifier looks at."""


@explain.command()
@click.argument("run", type=existing_folder)
@dataset_option
@click.option("--methods", default=DEFAULT_METHODS, show_default=True, help="Names with commas; see `explain methods`.")
@click.option(
    "--set", "settings", multiple=True, metavar="METHOD.NAME=VALUE", help="A setting, such as lime.num_samples=300."
)
@click.option(
    "--split", type=click.Choice(["train", "val", "test"]), default="test", show_default=True, help="Which pictures."
)
@click.option(
    "--classes",
    type=click.Choice(["true", "predicted", "top", "missed"]),
    default="true",
    show_default=True,
    help="Explain the parts that are in the picture, all with a logit above --above, the one with the highest, or "
    "those in the picture with a logit not above --above.",
)
@click.option("--above", type=float, default=0.0, show_default=True, help="The logit from which a part is predicted.")
@click.option("--limit", type=click.IntRange(min=1), default=None, show_default="all", help="Only so many pictures.")
@click.option("--checkpoint", default="best", show_default=True, help="best, or a name such as epoch_0007.")
@device_option
@json_option
def run(
    run: Path,
    dataset: Path | None,
    methods: str,
    settings: tuple[str, ...],
    split: str,
    classes: Literal["true", "predicted", "top", "missed"],
    above: float,
    limit: int | None,
    checkpoint: str,
    device: str,
    as_json: bool,
) -> None:
    """Make the maps that RUN lacks, and store them raw.

    What is there already is not made again, so a stopped run goes on with the same command.

    \b
    Example:
      brickbench explain run bricks/runs/first --methods gradcam,lime,random --limit 50
      brickbench explain run bricks/runs/first --methods lime --set lime.num_samples=300
      brickbench explain run bricks/runs/first --methods gradcam,integrated_gradients --classes missed
    """
    from explain.bulk import explain_run
    from training.runs import dataset_of

    result = explain_run(
        run,
        dataset or dataset_of(run),
        parse_choices("method", methods, settings),
        split=split,
        which=classes,
        above=above,
        limit=limit,
        checkpoint=checkpoint,
        device=device,
    )
    for note in result.notes:
        click.echo(note, err=True)
    counts = {"made": result.made, "found": result.found}
    if as_json:
        print_json(counts)
    else:
        click.echo(f"{result.made} maps made, {result.found} were there.")


@explain.command()
@json_option
def methods(as_json: bool) -> None:
    """List the methods: what they are, their settings, what to know.

    \b
    Example:
      brickbench explain methods
    """
    from explain.methods import method_rows

    print_rows(method_rows(), as_json=as_json)


@explain.command()
@click.argument("run", type=existing_folder)
@click.argument("image_id")
@dataset_option
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The PNG to write."
)
@click.option("--part", default=None, show_default="all that were explained", help="Only this part_id.")
@click.option("--models", is_flag=True, help="Print the linear models behind LIME's maps, fitted again.")
@click.option("--force", is_flag=True, help="Overwrite the PNG if it is there.")
def show(
    run: Path, image_id: str, dataset: Path | None, output: Path, part: str | None, models: bool, force: bool
) -> None:
    """Draw the picture IMAGE_ID with its mask's outline and each method's map, side by side.

    With --models, LIME's linear models stand below: intercept, score (R²), prediction, and the strongest superpixels.

    \b
    Example:
      brickbench explain show bricks/runs/first 000012_0 -o explained.png
      brickbench explain show bricks/runs/first 000012_0 -o explained.png --models --part 3001
    """
    from explain.show import show as draw
    from training.runs import dataset_of

    if output.exists() and not force:
        raise BrickbenchError(f"{output} is there already: choose another file with -o, or give --force.")
    parts = draw(run, dataset or dataset_of(run), image_id, output, part)
    click.echo(f"{output}: {', '.join(parts)}")
    if models:
        from explain.linear_models import linear_models

        for rows in linear_models(run, dataset or dataset_of(run), image_id, part):
            click.echo()
            print_rows(rows, as_json=False)


for command in (kernels, features, maximize):
    explain.add_command(command)
