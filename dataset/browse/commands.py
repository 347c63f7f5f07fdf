"""``brickbench dataset browse``: look into a dataset with a browser."""

from typing import TYPE_CHECKING

import click

from core.cli import say
from dataset.options import dataset_argument

if TYPE_CHECKING:
    from dataset.dataset_folder import DatasetFolder


@click.command()
@dataset_argument
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8321, show_default=True, help="Port of 127.0.0.1; 0: any free one."
)
@click.option("--open/--no-open", "open_browser", default=False, show_default=True, help="Open the page in a browser.")
def browse(dataset: "DatasetFolder", port: int, open_browser: bool) -> None:
    """Serve a page to look into a dataset: filters, thumbnails with masks, one picture with all that is known.

    The page can be reached from this machine only and changes nothing; Ctrl-C ends it.

    \b
    Example:
      brickbench dataset browse piles
    """
    from dataset.browse.server import serve

    def announce(address: str) -> None:
        say(f"{dataset.root} can be looked into at {address} (Ctrl-C ends this).")
        if open_browser:
            click.launch(address)

    serve(dataset, port, announce)
