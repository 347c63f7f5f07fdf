"""``brickbench dataset check``: it stands here because what is broken is rendered again, which `dataset` cannot."""

from typing import TYPE_CHECKING

import click

from core.cli import count_of, json_option, print_json, print_rows, say, workers_option
from dataset.commands import dataset_argument

if TYPE_CHECKING:
    from dataset.checks import Problem
    from dataset.dataset_folder import DatasetFolder

PROBLEMS_SHOWN = 50  # a screenful; --json has them all


@click.command()
@dataset_argument
@click.option(
    "--repair", is_flag=True, help="Render again what is broken, and mend the index; then print what is left."
)
@workers_option
@json_option
def check(dataset: "DatasetFolder", repair: bool, workers: int | None, as_json: bool) -> None:
    """Read every file of a dataset and print what is wrong; exit code 1 if anything is.

    Pictures are hashed and decoded, masks are laid out, and the index is compared with the shards. A repair makes the
    broken piles again, and no others, with the labels they had; photos cannot be made again. It can be stopped at any
    moment and run again.

    \b
    Example:
      brickbench dataset check bricks
      brickbench dataset check --repair bricks
    """
    from dataclasses import asdict

    from core.errors import BrickbenchError
    from dataset.checks import check_dataset
    from workflows.repair import check_settings, repair_dataset

    if repair:
        repairs, problems = repair_dataset(dataset, workers)
        rows = [asdict(done) for done in repairs]
        if as_json:
            print_json({"repairs": rows, "problems": [asdict(problem) for problem in problems]})
        elif repairs:
            print_rows(rows, as_json=False)
            click.echo()
    else:
        problems = check_settings(dataset.root) + check_dataset(dataset)
        if as_json:
            print_json([asdict(problem) for problem in problems])
    if problems:
        if not as_json:
            _print_problems(problems)
        raise BrickbenchError(
            f"{dataset.root} is not whole: {count_of(len(problems), 'problem')}, each printed above with its way out."
        )
    say(f"{dataset.root}: nothing is wrong{' any more' if repair and repairs else ''}.")


def _print_problems(problems: list["Problem"]) -> None:
    shown = problems[:PROBLEMS_SHOWN]
    rows = [{"shard": problem.shard, "image_id": problem.image_id, "what": problem.what} for problem in shown]
    print_rows(rows, as_json=False)
    click.echo("\nThe way out:\n" + "\n".join(dict.fromkeys(f"  {problem.way_out}" for problem in shown)))
    if len(problems) > PROBLEMS_SHOWN:
        say(f"… and {len(problems) - PROBLEMS_SHOWN} more; --json prints all.")
