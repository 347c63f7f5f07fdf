"""``brickbench dataset check``: it stands here because what is broken is rendered again, which `dataset` cannot."""

from pathlib import Path

import click

from core.cli import count_of, dataset_argument, json_option, print_json, print_rows

PROBLEMS_SHOWN = 50  # a screenful; --json has them all


@click.command()
@dataset_argument
@json_option
def check(folder: Path, as_json: bool) -> None:
    """Read every file of a dataset and print what is wrong; exit code 1 if anything is.

    Pictures are hashed and decoded, masks are laid out, and the index is compared with the shards.

    \b
    Example:
      brickbench dataset check bricks
    """
    from dataclasses import asdict

    from core.errors import BrickbenchError
    from dataset.checks import check_dataset

    problems = check_dataset(folder)
    if as_json:
        print_json([asdict(problem) for problem in problems])
    elif problems:
        shown = [asdict(problem) for problem in problems[:PROBLEMS_SHOWN]]
        print_rows(shown, as_json=False, columns=("shard", "image_id", "what"))
        click.echo("\nThe way out:\n" + "\n".join(dict.fromkeys(f"  {row['way_out']}" for row in shown)))
        if len(problems) > PROBLEMS_SHOWN:
            click.echo(f"… and {len(problems) - PROBLEMS_SHOWN} more; --json prints all.", err=True)
    if problems:
        raise BrickbenchError(
            f"{folder} is not whole: {count_of(len(problems), 'problem')}, each printed above with its way out."
        )
    click.echo(f"{folder}: nothing is wrong.", err=True)
