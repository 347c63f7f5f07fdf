"""``brickbench explain show|sheet``: pictures with their explanations."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.cli import device_option, new_file, options, output_option, parse_choices, print_rows
from core.errors import SettingsError
from core.files import require_new
from training.options import run_argument, split_option

if TYPE_CHECKING:
    from explain.collect import ExplainedPicture
    from training.run.run import Run

PAPER_TOP = 40


shown_options = options(
    click.option("--set", "settings", multiple=True, metavar="METHOD.NAME=VALUE", help="A setting, with --methods."),
    click.option(
        "--checkpoint",
        default=None,
        show_default="all that have maps; new ones by the best",
        help="best, last, or a name such as epoch_0007.",
    ),
    click.option(
        "--top", type=click.IntRange(min=1), default=None, help="Only so many superpixels, the strongest (or pixels)."
    ),
    click.option(
        "--threshold",
        default=None,
        metavar="VALUE|SHARE%",
        help="Only what is at least so strong, in the map's units (0.3) or of where its colours end (50%).",
    ),
    click.option("--for-only", is_flag=True, help="Leave out what speaks against the part."),
    device_option,
    click.option("--force", is_flag=True, help="Overwrite the file if it is there."),
)
"""The options of what is drawn, by which network, and how."""


@click.command()
@run_argument
@click.argument("image_id")
@output_option("The PNG to write, or the page, if it ends with .html.", new_file)
@click.option("--part", default=None, show_default="all that were explained", help="Only this part_id.")
@shown_options
@click.option(
    "--methods",
    default=None,
    show_default="all that RUN holds",
    help="Names with commas; maps that RUN lacks are made now, and not kept.",
)
@click.option("--models", is_flag=True, help="Print the linear models behind LIME's maps, fitted again.")
def show(
    run: "Run",
    image_id: str,
    output: Path,
    part: str | None,
    methods: str | None,
    settings: tuple[str, ...],
    checkpoint: str | None,
    top: int | None,
    threshold: str | None,
    for_only: bool,
    models: bool,
    device: str,
    force: bool,
) -> None:
    """Draw the picture IMAGE_ID with its mask's outline and each method's map, side by side.

    As a PNG, or as a page of one file with sliders for threshold and opacity and the value under the pointer. Yellow
    speaks for the part, blue against it. With --top, --threshold or --for-only the strongest is drawn as flat areas
    instead, green for and red against, as in the founding paper; the page begins with that.

    With --models, LIME's linear models stand below: intercept, score (R²), prediction, and the strongest superpixels.

    \b
    Example:
      brickbench explain show bricks/runs/first 000012_0 -o explained.png
      brickbench explain show bricks/runs/first 000012_0 -o explained.html --methods gradcam,lime,occlusion
      brickbench explain show bricks/runs/first 000012_0 -o strongest.png --methods lime --top 40
      brickbench explain show bricks/runs/first 000012_0 -o explained.png --models --part 3001
    """
    from explain.collect import MapCollector
    from explain.figures import show_png
    from explain.page import show_page
    from explain.strongest import parse_threshold

    _require_free(output, force, (".png", ".html"))
    if settings and methods is None:
        raise SettingsError("--set needs --methods: name the methods that it is for.")
    strongest = parse_threshold(threshold, top, for_only=for_only)
    chosen_methods = None if methods is None else parse_choices("method", methods, settings)
    collector = MapCollector(run, chosen_methods, checkpoint=checkpoint, device=device)
    shown = collector.explained(image_id, None if part is None else [part])
    (show_page if output.suffix == ".html" else show_png)(shown, output, strongest)
    _tell_new([shown], run.folder)
    click.echo(f"{output}: {', '.join(shown.parts)}")
    if models:
        from explain.linear_models import linear_models

        for rows in linear_models(run, image_id, part):
            click.echo()
            print_rows(rows, as_json=False)


@click.command()
@run_argument
@click.argument("image_ids", metavar="[IMAGE_ID]...", nargs=-1)
@output_option("The PNG to write.", new_file)
@click.option("--part", default=None, show_default="the one that RUN is surest of", help="Explain this part_id.")
@shown_options
@click.option(
    "--methods", default="gradcam,lime", show_default=True, help="Names with commas; maps that RUN lacks are made now."
)
@split_option("test", help_text="Where to take them.")
@click.option(
    "--count", type=click.IntRange(min=1), default=6, show_default=True, help="Pictures, if no IMAGE_ID is given."
)
@click.option("--shades", is_flag=True, help="Draw superpixels in shades too.")
def sheet(
    run: "Run",
    image_ids: tuple[str, ...],
    output: Path,
    part: str | None,
    methods: str,
    settings: tuple[str, ...],
    checkpoint: str | None,
    top: int | None,
    threshold: str | None,
    for_only: bool,
    split: str,
    count: int,
    shades: bool,
    device: str,
    force: bool,
) -> None:
    """Draw several pictures side by side, each with its maps below: the founding paper's figure 9.

    By default six pictures spread over the test split, Grad-CAM and LIME's 40 strongest superpixels for the part that
    the network is surest of. --top, --threshold and --for-only choose among superpixels; other maps are in shades.

    \b
    Example:
      brickbench explain sheet bricks/runs/first -o six.png
      brickbench explain sheet bricks/runs/first -o finer.png --set lime.kernel_size=1
      brickbench explain sheet bricks/runs/first 000012_0 000047_0 --methods gradcam,lime --top 10 -o two.png
    """
    from explain.collect import MapCollector
    from explain.figures import explained_pictures, sheet_png, spread_pictures
    from explain.strongest import Strongest, parse_threshold

    _require_free(output, force, (".png",))
    chosen = parse_threshold(threshold, top, for_only=for_only) or Strongest(PAPER_TOP)
    collector = MapCollector(run, parse_choices("method", methods, settings), checkpoint=checkpoint, device=device)
    shown = explained_pictures(collector, image_ids or spread_pictures(run.dataset, split, count), part)
    sheet_png(shown, output, None if shades else chosen)
    _tell_new(shown, run.folder)
    click.echo(str(output))


def _require_free(output: Path, force: bool, endings: tuple[str, ...]) -> None:
    if output.suffix not in endings:
        raise SettingsError(
            f"The file {output.name} should end with {' or '.join(endings)}: choose another one with -o."
        )
    require_new(output, force=force)


def _tell_new(shown: Sequence["ExplainedPicture"], run_folder: Path) -> None:
    made = sorted({one.method for picture in shown for one in picture.maps if one.is_new})
    if made:
        click.echo(
            f"Made now and not kept: {', '.join(made)}. `brickbench explain run {run_folder}` makes maps that stay.",
            err=True,
        )
