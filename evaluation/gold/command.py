"""``brickbench evaluate gold``: which methods find reasons that are known."""

from pathlib import Path

import click

from core.cli import existing_folder, json_option, parse_choices, print_json, seed_option
from core.errors import SettingsError


@click.command()
@click.argument("dataset", type=existing_folder)
@click.option(
    "--method", "methods", multiple=True, metavar="NAME", help="Only this one; may be repeated.  [default: all]"
)
@click.option(
    "--set", "settings", multiple=True, metavar="METHOD.NAME=VALUE", help="A setting, such as lime.num_samples=300."
)
@click.option(
    "--train",
    "models",
    multiple=True,
    metavar="MODEL",
    help="Also networks of this kind, trained on coloured train pictures, such as bricknet; may be repeated.",
)
@click.option("--pictures", type=click.IntRange(min=1), default=8, show_default=True, help="How many.")
@seed_option("Of the draw of pictures, and of training.")
@json_option
def gold(
    dataset: Path,
    methods: tuple[str, ...],
    settings: tuple[str, ...],
    models: tuple[str, ...],
    pictures: int,
    seed: int,
    as_json: bool,
) -> None:
    """Hold explanation methods against networks whose reasons are known.

    The networks are built by hand, so that what each looks at is certain: a colour, a square on the floor, one part
    less another, the lack of a thing, a shadow. They get piles of DATASET, coloured for them. Each method explains them
    as `explain run` does, with its default settings unless --set says otherwise. A row a method: pass, a dash where a
    test does not apply, or the worst value with its network. Below stand the reasons for failures that are known. All
    methods take some ten minutes of one core, RISE more than half of that.

    With --train two networks of each kind are trained, some minutes each: one on colours, one on squares that give
    parts away. What it uses is measured by taking things away, and a network that uses more than its reason is passed
    over. All networks then explain pictures of the test split.

    \b
    Example:
      brickbench evaluate gold bricks
      brickbench evaluate gold bricks --method gradcam --method lime --set lime.hide_color=superpixel
      brickbench evaluate gold bricks --train tf_efficientnet_lite0 --train resnet18
    """
    from dataset.dataset_folder import DatasetFolder
    from evaluation.gold.calibration import calibrate
    from evaluation.gold.cases import CASES
    from evaluation.gold.known import known_methods
    from evaluation.gold.table import gold_lines
    from evaluation.gold.trained import trained_cases
    from explain.memory import within_free_memory
    from explain.methods import METHODS
    from training.network.devices import choose_device

    if settings and not methods:
        raise SettingsError("--set needs --method: name the methods that it is for.")
    chosen = parse_choices("method", ",".join(methods or METHODS), settings)
    with within_free_memory(choose_device("cpu")):
        cases = [*CASES.values(), *trained_cases(dataset, models, seed)]
        split = "test" if models else None
        found = calibrate(DatasetFolder.open(dataset), chosen, pictures=pictures, seed=seed, split=split, cases=cases)
    if as_json:
        print_json(
            {
                "methods": [one.as_row() for one in known_methods(found, chosen)],
                "tests": [vars(one) for one in found.results],
                "scores": [vars(one) for one in found.scores],
            }
        )
    else:
        click.echo("\n".join(gold_lines(found)))
