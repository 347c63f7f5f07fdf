"""``brickbench explain``: maps in bulk, the table of methods; pictures of them are in modules of their own."""

from typing import TYPE_CHECKING, Literal

import click

from core.cli import (
    device_option,
    json_option,
    network_workers_option,
    parse_choices,
    print_json,
    print_rows,
    seed_option,
)
from core.engine import Engine
from core.engines.options import engine_options, parse_share, share_option
from core.errors import PartialFailureError, SettingsError
from explain.network.commands import features, kernels, maximize
from explain.show_commands import sheet, show
from training.options import checkpoint_option, run_argument, split_option

if TYPE_CHECKING:
    from training.run.run import Run

DEFAULT_METHODS = "gradcam,lime,random,center_gaussian,edges,uniform"


@click.group()
def explain() -> None:
    """Explain what a classifier looks at."""


@explain.command()
@run_argument
@click.option("--methods", default=DEFAULT_METHODS, show_default=True, help="Names with commas; see `explain methods`.")
@click.option(
    "--set", "settings", multiple=True, metavar="METHOD.NAME=VALUE", help="A setting, such as lime.num_samples=300."
)
@split_option("test", help_text="Which pictures.")
@click.option(
    "--classes",
    type=click.Choice(["true", "predicted", "top", "missed"]),
    default="true",
    show_default=True,
    help="Explain the parts that are in the picture, all with a logit above --above, the one with the highest, or "
    "those in the picture with a logit not above --above.",
)
@click.option("--above", type=float, default=0.0, show_default=True, help="The logit from which a part is predicted.")
@click.option("--limit", type=click.IntRange(min=1), default=None, show_default="all", help="Only so many pictures.")
@share_option("Every N-th picture from the K-th: N processes with K = 1 to N, say one a GPU, divide the work.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16"]),
    default="float32",
    show_default=True,
    help="How new maps are stored. float16 halves the disk; a map that it would spoil stays float32.",
)
@checkpoint_option
@network_workers_option
@device_option
@engine_options
@json_option
def run(
    run: "Run",
    methods: str,
    settings: tuple[str, ...],
    split: str,
    classes: Literal["true", "predicted", "top", "missed"],
    above: float,
    limit: int | None,
    share: str,
    dtype: Literal["float32", "float16"],
    checkpoint: str,
    workers: int | None,
    device: str,
    engine: Engine,
    as_json: bool,
) -> None:
    """Make the maps that RUN lacks, and store them raw.

    What is there already is not made again, so a stopped run goes on with the same command. Failures are counted by
    reason at the end, and the exit code is 1 then.

    \b
    Example:
      brickbench explain run bricks/runs/first --methods gradcam,lime,random --limit 50
      brickbench explain run bricks/runs/first --methods lime --set lime.num_samples=300
      brickbench explain run bricks/runs/first --methods gradcam,integrated_gradients --classes missed
      brickbench explain run bricks/runs/first --methods lime --device cuda:1 --share 2/4
      brickbench explain run bricks/runs/first --methods lime --engine ray --worker-gpus 1
    """
    from explain.bulk import explain_run
    from explain.memory import within_free_memory
    from training.network.devices import choose_device

    failed = None
    try:
        with within_free_memory(choose_device(device)):
            result = explain_run(
                run,
                parse_choices("method", methods, settings),
                split=split,
                which=classes,
                above=above,
                limit=limit,
                share=parse_share(share),
                dtype=dtype,
                checkpoint=checkpoint,
                device=device,
                workers=workers,
                engine=engine,
            )
    except PartialFailureError as error:
        failed, result = error, error.result
    for note in result.notes:
        click.echo(note, err=True)
    if as_json:
        print_json(vars(result))
    else:
        click.echo(f"{result.made} maps made, {result.found} were there.")
    if failed:
        raise failed


@explain.command()
@click.argument("method", required=False)
@json_option
def methods(method: str | None, as_json: bool) -> None:
    """List the methods: what they are, what they cost, what to know; or the settings of METHOD.

    \b
    Example:
      brickbench explain methods
      brickbench explain methods lime
    """
    from explain.methods import method_lines, method_rows, setting_lines, setting_rows

    rows = method_rows() if method is None else setting_rows(method)
    if as_json:
        print_rows(rows, as_json=True)
    else:
        click.echo("\n".join(method_lines(rows) if method is None else setting_lines(rows)))


@explain.command()
@run_argument
@click.option(
    "--methods", default=None, show_default="all but baselines", help="Names with commas; see `explain methods`."
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="METHOD.NAME=VALUE",
    help="A setting of both sides, with --methods.",
)
@split_option("test", help_text="Which pictures.")
@click.option("--limit", type=click.IntRange(min=1), default=4, show_default=True, help="Pictures, drawn at random.")
@checkpoint_option
@seed_option("Of the draw.")
@device_option
@json_option
def verify(
    run: "Run",
    methods: str | None,
    settings: tuple[str, ...],
    split: str,
    limit: int,
    checkpoint: str,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Hold maps of RUN's network against captum's, lime's and pytorch-grad-cam's.

    Both are made now, of pictures of RUN's dataset, and not kept. A row a method: the largest difference as a share of
    the largest value of the library's map, the tolerance that the method states, and the library's CPU time over
    Brickbench's. The exit code is 1 if a method fails, or if there was nothing to compare.

    \b
    Example:
      brickbench explain verify bricks/runs/first
      brickbench explain verify bricks/runs/first --methods gradcam,lime --limit 20
    """
    from explain.memory import within_free_memory
    from explain.methods import METHODS
    from explain.verify import require_verified, verify_run
    from training.network.devices import choose_device

    if settings and methods is None:
        raise SettingsError("--set needs --methods: name the methods that it is for.")
    chosen = ",".join(name for name, row in METHODS.items() if row.kind == "method") if methods is None else methods
    with within_free_memory(choose_device(device)):
        verified = verify_run(
            run,
            parse_choices("method", chosen, settings),
            split=split,
            limit=limit,
            checkpoint=checkpoint,
            device=device,
            seed=seed,
        )
    print_rows([vars(row) for row in verified], as_json=as_json)
    require_verified(verified)


for command in (show, sheet, kernels, features, maximize):
    explain.add_command(command)
