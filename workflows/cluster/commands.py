"""``brickbench cluster``: job files, which are printed and never submitted, and shards in object storage."""

from pathlib import Path
from typing import Any, Literal

import click

from core.cli import Decorated, any_folder, count_of, dataset_folder_argument, existing_file, output_option, say
from render.commands import count_option, seed_of_piles


@click.group()
def cluster() -> None:
    """Write job files for Slurm and Kubernetes; move shards to and from object storage."""


def job_options(function: Decorated) -> Decorated:
    """Add what every job file says: what is rendered, on which machines."""
    options = (
        click.argument("settings", required=False, type=existing_file),
        output_option("Dataset, where all nodes see it.", click.Path(path_type=Path)),
        count_option,
        seed_of_piles,
        click.option("--nodes", type=click.IntRange(min=1), default=1, show_default=True, help="Machines."),
        click.option("--cpus", type=click.IntRange(min=1), default=16, show_default=True, help="Cores of each."),
        click.option("--gpus", type=click.IntRange(min=0), default=0, show_default=True, help="GPUs of each."),
        click.option(
            "--device",
            type=click.Choice(["cpu", "optix", "cuda", "hip", "oneapi"]),
            default=None,
            show_default="optix with GPUs, else cpu",
            help="What Cycles computes on.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@cluster.command()
@job_options
@click.option("--time", "time_limit", default="24:00:00", show_default=True, help="Limit, as Slurm reads it.")
@click.option(
    "--kind",
    type=click.Choice(["ray", "array"]),
    default="ray",
    show_default=True,
    help="One Ray cluster on all nodes, or an array of jobs of one node each, which start as nodes become free.",
)
def slurm(time_limit: str, kind: Literal["ray", "array"], device: str | None, gpus: int, **options: Any) -> None:
    """Print a script for Slurm's sbatch that renders SETTINGS, to be read, changed and submitted.

    Before its time is over the job stops cleanly and queues itself again; the next one goes on.

    \b
    Example:
      brickbench cluster slurm render.yaml -o piles --count 64000 --nodes 4 --gpus 4 > render.sh
      brickbench cluster slurm render.yaml -o piles --count 64000 --nodes 100 --kind array > render.sh
    """
    from workflows.cluster.job_files import RenderJob, slurm_script

    job = RenderJob(**options, gpus=gpus, device=device or ("optix" if gpus else "cpu"), time_limit=time_limit)
    click.echo(slurm_script(job, kind), nl=False)


@cluster.command()
@job_options
@click.option("--image", default="brickbench:latest", show_default=True, help="Container image, see docs/cluster.md.")
@click.option("--claim", default="brickbench", show_default=True, help="Volume claim that all nodes may write.")
def kubernetes(image: str, claim: str, device: str | None, gpus: int, **options: Any) -> None:
    """Print a KubeRay job that renders SETTINGS into a volume, to be read, changed and applied.

    The output is a folder in the volume.

    \b
    Example:
      brickbench cluster kubernetes render.yaml -o piles --count 64000 --nodes 4 --gpus 1 > render-job.yaml
    """
    from workflows.cluster.job_files import RenderJob, kubernetes_job

    job = RenderJob(**options, gpus=gpus, device=device or ("optix" if gpus else "cpu"))
    click.echo(kubernetes_job(job, image, claim), nl=False)


@cluster.command()
@dataset_folder_argument
@click.argument("url")
def push(folder: Path, url: str) -> None:
    """Copy the shards of DATASET that URL lacks there; several machines may do so at once.

    URL is any that fsspec knows, such as s3://bucket/piles, with `s3fs` installed, or gs://bucket/piles with `gcsfs`.

    \b
    Example:
      brickbench cluster push piles s3://bucket/piles
    """
    from workflows.cluster.storage import push as copy

    say(f"{count_of(copy(folder, url), 'shard')} copied to {url}.")


@cluster.command()
@click.argument("url")
@click.argument("folder", metavar="DATASET", type=any_folder)
def pull(url: str, folder: Path) -> None:
    """Copy the whole shards at URL that DATASET lacks, and bring them into its index.

    \b
    Example:
      brickbench cluster pull s3://bucket/piles piles
    """
    from workflows.cluster.storage import pull as copy

    say(f"{count_of(copy(url, folder), 'shard')} copied to {folder}.")
