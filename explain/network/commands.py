"""``brickbench explain kernels|features|maximize``: pictures of the network itself."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.cli import device_option, existing_folder, new_file, options, output_option
from core.files import require_new
from training.options import checkpoint_option, run_argument

if TYPE_CHECKING:
    from training.run.checkpoint import Checkpoint
    from training.run.run import Run

PICTURE_PX = 360

run_folder_argument = click.argument("run", type=existing_folder)  # a network is drawn without its dataset


sheet_options = options(
    output_option("The PNG to write.", new_file),
    checkpoint_option,
    click.option("--force", is_flag=True, help="Overwrite the PNG if it is there."),
)
"""The options that all sheets take."""


@click.command()
@run_folder_argument
@sheet_options
@click.option("--layer", default=None, show_default="the first convolution", help="Name of a convolution.")
@click.option("--limit", type=click.IntRange(min=1), default=96, show_default=True, help="Kernels shown at most.")
def kernels(run: Path, output: Path, checkpoint: str, force: bool, layer: str | None, limit: int) -> None:
    """Draw the kernels of a convolution of RUN's network.

    The first layer's as RGB tiles, deeper ones as a line of input channels each.

    \b
    Example:
      brickbench explain kernels bricks/runs/first -o kernels.png
      brickbench explain kernels bricks/runs/first --layer conv2 --limit 16 -o second.png
    """
    from explain.network.layers import kernel_sheet
    from explain.network.sheets import write_sheets

    network = _opened(run, output, checkpoint, force)
    write_sheets([kernel_sheet(network.model, layer, limit=limit)], output)
    click.echo(str(output))


@click.command()
@run_argument
@click.argument("image_id")
@sheet_options
@click.option(
    "--layers",
    default=None,
    show_default="the first, the middle and the last convolution",
    help="Names with commas; of bricknet by default conv1, conv3 and conv5, as in the founding paper.",
)
@click.option("--limit", type=click.IntRange(min=1), default=27, show_default=True, help="Maps shown of a layer.")
def features(
    run: "Run",
    image_id: str,
    output: Path,
    checkpoint: str,
    force: bool,
    layers: str | None,
    limit: int,
) -> None:
    """Draw what layers of RUN's network make of the picture IMAGE_ID: their feature maps, raw.

    \b
    Example:
      brickbench explain features bricks/runs/first 000012_0 -o features.png
      brickbench explain features bricks/runs/first 000012_0 --layers act1,act5 --limit 9 -o activations.png
    """
    from explain.collect import picture_index
    from explain.draw import scaled_picture
    from explain.network.layers import feature_sheets, three_layers
    from explain.network.sheets import Sheet, write_sheets

    network = _opened(run.folder, output, checkpoint, force)
    pictures = run.dataset.pictures(None)
    picture = pictures.image(picture_index(pictures, image_id))
    names = three_layers(network.model) if layers is None else _listed(layers)
    sheets = feature_sheets(network.model, network.network_input(picture), names, limit=limit)
    write_sheets([Sheet(image_id, scaled_picture(picture, PICTURE_PX), None), *sheets], output)
    click.echo(str(output))


@click.command()
@run_folder_argument
@sheet_options
@click.option("--parts", default=None, show_default="all classes", help="part_ids with commas.")
@click.option("--layer", default=None, help="Grow pictures for channels of this layer instead.")
@click.option("--channels", type=click.IntRange(min=1), default=16, show_default=True, help="Channels of --layer.")
@click.option("--steps", type=click.IntRange(min=1), default=256, show_default=True, help="Steps of ascent a picture.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the noise at the beginning.")
@device_option
def maximize(
    run: Path,
    output: Path,
    checkpoint: str,
    force: bool,
    parts: str | None,
    layer: str | None,
    channels: int,
    steps: int,
    seed: int,
    device: str,
) -> None:
    """Grow pictures that classes, or a layer's channels, of RUN's network like best.

    By gradient ascent from noise, with total variation, decay and jitter, in the colours that a picture can have. Below
    each stands what the network says of it.

    \b
    Example:
      brickbench explain maximize bricks/runs/first --parts 3001,3003 -o liked.png
      brickbench explain maximize bricks/runs/first --layer conv3 --channels 8 -o channels.png
    """
    from explain.network.maximize import MaximizeSettings, maximized_sheet
    from explain.network.sheets import write_sheets

    network = _opened(run, output, checkpoint, force, device)
    ascent = MaximizeSettings.parse({"steps": steps, "seed": seed, "mean": network.mean, "std": network.std})
    part_ids = None if parts is None else _listed(parts)
    write_sheets([maximized_sheet(network, ascent, part_ids, layer, channels)], output)
    click.echo(str(output))


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _opened(run: Path, output: Path, checkpoint: str, force: bool, device: str = "cpu") -> "Checkpoint":
    """Return the network of a run, once it is sure that `output` may be written."""
    from training.network.devices import choose_device
    from training.run.checkpoint import load_checkpoint

    require_new(output, force=force)
    return load_checkpoint(run, checkpoint, choose_device(device))
