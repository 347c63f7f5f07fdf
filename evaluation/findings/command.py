"""``brickbench evaluate findings``: what the maps say of the network, and what to render more of."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.cli import json_option, new_file, output_option, print_json, seed_option
from core.files import all_or_none, require_new
from training.options import checkpoint_there_option, run_argument

if TYPE_CHECKING:
    from training.run.run import Run


@click.command()
@run_argument
@output_option("The HTML to write.", new_file)
@click.option(
    "--settings",
    type=new_file,
    default=None,
    help="Also write settings for `render run` that make more of what would cure what was found.",
)
@checkpoint_there_option("scores")
@click.option("--method", default=None, show_default="the one that localises best", help="Whose maps, such as gradcam.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
@seed_option("Of the bootstrap over piles.")
@json_option
def findings(
    run: "Run",
    output: Path,
    settings: Path | None,
    checkpoint: str | None,
    method: str | None,
    force: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Say for which parts, floors and lights RUN's network looks away from the bricks, and which parts it mixes up.

    Writes one HTML page with figures and example pictures. It needs scores (`evaluate localize`), and for pairs of
    parts the logits of `train predict`. The settings begin with those of the dataset.

    \b
    Example:
      brickbench evaluate findings bricks/runs/first -o findings.html --settings more.yaml
      brickbench render run more.yaml -o more --count 640 --seed 1
    """
    from evaluation.findings.page import document, write_findings

    require_new(output, force=force)
    require_new(settings, force=force, option="--settings")
    with all_or_none(output, settings):
        page = write_findings(run, output, settings=settings, checkpoint=checkpoint, method=method, seed=seed)
    if as_json:
        print_json(document(page))
        return
    click.echo("\n".join([page.headline, *(f"- {finding.title}" for finding in page.findings), str(page.path)]))
    if page.settings is not None:
        click.echo(str(page.settings))
    elif settings is not None:
        click.echo(f"{settings} was not written: nothing was found that more renders would cure.", err=True)
