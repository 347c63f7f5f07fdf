"""``brickbench dataset card``: write a card that says what a dataset is."""

from pathlib import Path

import click

from core.cli import any_folder, dataset_argument


@click.command()
@dataset_argument
@click.option("-o", "--output", type=any_folder, default=None, show_default="DATASET", help="Folder to write into.")
@click.option(
    "--license", "licence", default="unknown", show_default=True, help="Licence as an SPDX name, in lower case."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the choice of examples."
)
@click.option("--force", is_flag=True, help="Write over the card that is there.")
def card(folder: Path, output: Path | None, licence: str, seed: int, force: bool) -> None:
    """Write a dataset card: counts, parts that lie together, visibility, examples, settings, how to remake it.

    README.md is in the manner of the Hugging Face Hub, with examples.jpg; card.html is one file that needs no network;
    render.yaml holds the settings of the render.

    \b
    Example:
      brickbench dataset card piles -o card --license cc-by-4.0
    """
    from dataset.card.write import write_card

    for path in write_card(folder, output or folder, licence=licence, seed=seed, force=force):
        click.echo(str(path))
