"""``brickbench study power``: how many people and items a study needs."""

import os
from pathlib import Path

import click

from core.cli import json_option, new_file, output_option, print_json, print_rows, seed_option, workers_option
from core.errors import SettingsError
from core.files import require_new
from evaluation.study.power.power_plan import ITEM_SD, NO_PREFERENCE, PERSON_SD, SIMULATIONS, WANTED, PowerPlan


@click.command()
@click.option("--people", default="10,20,40,80", show_default=True, help="Numbers to try, with commas.")
@click.option("--items", default="10,20,40", show_default=True, help="Numbers to try, with commas.")
@click.option("--share", type=float, default=0.65, show_default=True, help="Of answers for the first method, 0 to 1.")
@click.option("--person-sd", type=float, default=PERSON_SD, show_default=True, help="Between people, in logits.")
@click.option("--item-sd", type=float, default=ITEM_SD, show_default=True, help="Between items, in logits.")
@click.option("--per-person", type=click.IntRange(min=1), default=None, show_default="all", help="Items a person sees.")
@click.option("--wanted", type=click.FloatRange(0, 1), default=WANTED, show_default=True, help="Power to reach.")
@click.option("--simulations", type=click.IntRange(min=1), default=SIMULATIONS, show_default=True, help="Of each size.")
@seed_option("Of the simulations.")
@output_option("Also write a plot there: .html, .svg or .png.", new_file, default=None)
@click.option("--force", is_flag=True, help="Overwrite what is there.")
@workers_option
@json_option
def power(
    people: str,
    items: str,
    share: float,
    person_sd: float,
    item_sd: float,
    per_person: int | None,
    wanted: float,
    simulations: int,
    seed: int,
    output: Path | None,
    force: bool,
    workers: int | None,
    as_json: bool,
) -> None:
    """Simulate studies and print how often each size finds a preference, and how many people are needed.

    Simulated answers are analysed with the crossed-effects test of `study analyze`. A share of 0.5 shows how often the
    tests reject what is true.

    \b
    Example:
      brickbench study power --share 0.7 --items 20,40 -o power.html
      brickbench study power --people 10 --items 10 --share 0.5 --simulations 1000
    """
    from evaluation.study.power.plot import require_ending, write_power
    from evaluation.study.power.power import needed_people

    if output is not None:
        require_ending(output)
        require_new(output, force=force)
    workers = workers or len(os.sched_getaffinity(0))
    plan = PowerPlan(share, person_sd, item_sd, per_person, simulations, seed)
    tried, wanted_items = _numbers("--people", people), _numbers("--items", items)
    needed: dict[int, int | None] = {}
    points = []
    for count in wanted_items:
        needed[count], simulated = needed_people(count, tried, plan, wanted=wanted, workers=workers)
        points += simulated
    if output is not None:
        write_power(output, plan, points, needed, wanted=wanted)
    rows = [vars(point) for point in points]
    if as_json:
        sizes = [{"items": count, "people": enough} for count, enough in needed.items()]
        print_json({"plan": vars(plan), "wanted": wanted, "needed": sizes, "points": rows, "file": output})
        return
    print_rows(rows, as_json=False)
    if share == NO_PREFERENCE:
        click.echo(
            f"At a share of {share:g} there is nothing to find: these are the rates at which tests reject the truth."
        )
    else:
        for count, enough in needed.items():
            fewer = " or fewer" if enough == min(tried) else ""
            who = f"{enough} people{fewer}" if enough else f"more than {max(tried)} people, or more items"
            click.echo(f"{count} items: {who} for a power of {wanted:g} at a share of {share:g}")
    if output is not None:
        click.echo(output)


def _numbers(option: str, text: str) -> list[int]:
    try:
        numbers = sorted({int(part) for part in text.split(",")})
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < 1:
        raise SettingsError(f"{option} takes whole numbers with commas, such as 10,20,40, not {text!r}.")
    return numbers
