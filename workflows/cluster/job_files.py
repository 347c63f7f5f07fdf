"""Job files of Slurm and Kubernetes for one render, as text."""

import importlib.util
import json
import shlex
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.errors import SettingsError
from render.run import WORKERS_A_GPU

GRACE_S = 120
"""Signal before the end of a job. Workers end at once; the index takes in a few thousand shards meanwhile."""

_ENDING = """driver=$!
signalled=
trap 'signalled=yes; kill -TERM "$driver"' TERM # Slurm says that time is nearly over
wait "$driver"
code=$?
while [ "$signalled" ]; do
    signalled=
    wait "$driver" # the signal ended the wait before
    code=$?
done
# After scancel the job would no longer be running.
state=$(squeue --noheader --jobs="{job}" --format=%T)
if [ "$state" = RUNNING ] && { [ "$code" -eq 130 ] || [ "$code" -eq 143 ]; }; then
    scontrol requeue "{job}"
fi
exit "$code\""""


@dataclass(frozen=True)
class RenderJob:
    """A render, and the machines that it gets."""

    settings: Path | None
    output: Path
    count: int
    seed: int
    nodes: int
    cpus: int
    """Of each node."""
    gpus: int
    """Of each node."""
    device: str
    time_limit: str = "24:00:00"

    def __post_init__(self) -> None:
        """Raise SettingsError where device and GPUs contradict each other."""
        if (self.device == "cpu") != (self.gpus == 0):
            raise SettingsError(
                f"--device {self.device} with {self.gpus} GPUs a node makes no sense: give --gpus N with a device such "
                "as optix, or neither."
            )

    @property
    def workers_a_node(self) -> int:
        """Return how many workers a node has room for."""
        return min(self.gpus * WORKERS_A_GPU, self.cpus) if self.gpus else self.cpus

    def command(self, settings: str | None, output: str) -> str:
        """Return the command line that renders, as a shell reads it."""
        words = ["brickbench", "render", "run", *([settings] if settings else []), "-o", output]
        words += ["--count", str(self.count), "--seed", str(self.seed), "--device", self.device]
        return shlex.join(words)


def slurm_script(job: RenderJob, kind: Literal["ray", "array"]) -> str:
    """Return a script for `sbatch`: one Ray cluster on all nodes, or an array of jobs of one node each."""
    settings = None if job.settings is None else str(job.settings.resolve())
    output = str(job.output.resolve())
    task = "$SLURM_JOB_ID" if kind == "ray" else "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
    return _fill(
        f"slurm_{kind}.sh.j2",
        job,
        activate=f"\nsource {shlex.quote(str(Path(sys.prefix) / 'bin' / 'activate'))}",
        render=job.command(settings, output),
        output=output,
        index=shlex.join([str(Path(sys.prefix) / "bin" / "brickbench"), "dataset", "index", output]),
        ending=_ENDING.replace("{job}", task),
        grace_s=GRACE_S,
        workers=job.workers_a_node * (job.nodes if kind == "ray" else 1),
    )


def kubernetes_job(job: RenderJob, image: str, claim: str) -> str:
    """Return a ConfigMap with the settings, and a RayJob of KubeRay that renders into the volume claim.

    Args:
        job: its output is a path below the volume.
        image: of a container that has Brickbench and Ray.
        claim: name of a volume claim that many nodes may write.
    """
    settings = "{}\n" if job.settings is None else job.settings.read_text(encoding="utf-8")
    return _fill(
        "kubernetes.yaml.j2",
        job,
        render=job.command("/settings/render.yaml", f"/data/{job.output}"),
        settings=settings.rstrip(),
        workers=job.workers_a_node * job.nodes,
        image=image,
        claim=claim,
        ray_version=version("ray") if importlib.util.find_spec("ray") else "2.60.0",
    )


def _fill(template: str, job: RenderJob, **values: object) -> str:
    told = {name: values.get(name) for name in ("image", "claim")} | vars(job)
    for name, value in told.items():
        if not str(value).isprintable():
            raise SettingsError(f"{name} {str(value)!r} holds characters that cannot be printed; job files take none.")
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["sh"] = lambda value: shlex.quote(str(value))
    environment.filters["yaml"] = lambda value: json.dumps(str(value), ensure_ascii=False)
    cores = max(1, job.cpus // job.workers_a_node)
    share = job.gpus / job.workers_a_node
    text = environment.get_template(template).render(job=job, worker_cpus=cores, worker_gpus=f"{share:.3g}", **values)
    return text.rstrip() + "\n"
