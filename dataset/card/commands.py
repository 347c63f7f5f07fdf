"""``brickbench dataset card``: write a card that says what a dataset is."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.cli import output_option, seed_option
from dataset.options import dataset_argument

if TYPE_CHECKING:
    from dataset.dataset_folder import DatasetFolder


@click.command()
@dataset_argument
@output_option("Folder to write into.", default=None, show_default="DATASET")
@click.option(
    "--license", "licence", default="unknown", show_default=True, help="Licence as an SPDX name, in lower case."
)
@seed_option("Seed of the choice of examples.")
@click.option("--force", is_flag=True, help="Write over the card that is there.")
def card(dataset: "DatasetFolder", output: Path | None, licence: str, seed: int, force: bool) -> None:
    """Write a dataset card: counts, parts that lie together, visibility, examples, settings, how to remake it.

    README.md is in the manner of the Hugging Face Hub, with examples.jpg; card.html is one file that needs no network;
    render.yaml holds the settings of the render.

    \b
    Example:
      brickbench dataset card piles -o card --license cc-by-4.0
    """
    from dataset.card.write import write_card

    for path in write_card(dataset, output or dataset.root, licence=licence, seed=seed, force=force):
        click.echo(str(path))
