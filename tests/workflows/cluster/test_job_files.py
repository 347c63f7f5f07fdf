"""Job files: what a user reads in them, and that their shells and parsers take them."""

import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import brickbench
from core.errors import SettingsError
from core.system import DEBIAN_PACKAGE_OF
from render.commands import run
from workflows.cluster.commands import kubernetes, slurm


def printed(command: object, *words: str) -> str:
    done = CliRunner().invoke(command, list(words), catch_exceptions=False)  # type: ignore[arg-type]
    assert done.exit_code == 0
    return done.stdout


def headers(script: str) -> dict[str, str]:
    lines = [line.removeprefix("#SBATCH --") for line in script.splitlines() if line.startswith("#SBATCH")]
    return dict(line.partition("=")[::2] for line in lines)


def check_shell(script: str) -> None:
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", "--exclude=SC1091", "-"], input=script, text=True, check=True)


@pytest.mark.parametrize("gpus", ["0", "4"])
@pytest.mark.parametrize("nodes", ["1", "3"])
@pytest.mark.parametrize("kind", ["ray", "array"])
def test_scripts_are_shell_and_ask_for_what_was_said(kind: str, nodes: str, gpus: str, tmp_path: Path) -> None:
    settings = tmp_path / "my render.yaml"
    settings.write_text("samples: 4\n")
    words = ["-o", str(tmp_path / "my piles"), "--nodes", nodes, "--gpus", gpus, "--cpus", "8", "--time", "2:00:00"]
    script = printed(slurm, str(settings), *words, "--count", "6400", "--kind", kind)
    check_shell(script)
    asked = headers(script)
    assert asked["time"] == "2:00:00"
    assert asked["cpus-per-task"] == "8"
    assert asked.get("gpus-per-node") == (gpus if gpus != "0" else None)
    assert asked["nodes"] == (nodes if kind == "ray" else "1")
    assert asked.get("array") == (f"1-{nodes}" if kind == "array" else None)
    assert {"requeue", "signal"} <= set(asked)
    assert shlex.quote(str(settings)) in script
    assert f"--count 6400 --seed 0 --device {'optix' if gpus != '0' else 'cpu'}" in script


def test_the_command_in_a_script_is_one_that_brickbench_takes(tmp_path: Path) -> None:
    for kind in ("ray", "array"):
        script = printed(slurm, "-o", str(tmp_path / "piles"), "--gpus", "2", "--kind", kind)
        start = script.index("brickbench render run")
        words = shlex.split(script[start : script.index(" &\n", start)].replace("\\\n", " "))
        assert words[:3] == ["brickbench", "render", "run"]
        assert run.make_context("run", words[3:]).params["count"] == 640


def test_a_device_without_gpus_is_refused() -> None:
    done = CliRunner().invoke(slurm, ["-o", "piles", "--device", "optix"])
    assert isinstance(done.exception, SettingsError)
    assert str(done.exception) == (
        "--device optix with 0 GPUs a node makes no sense: give --gpus N with a device such as optix, or neither."
    )


def test_a_kuberay_job_has_the_settings_in_its_first_document(tmp_path: Path) -> None:
    settings = tmp_path / "render.yaml"
    settings.write_text("samples: 4\ncamera: {margin_max: 0.3}\n")
    text = printed(kubernetes, str(settings), "-o", "piles", "--nodes", "5", "--gpus", "1", "--claim", "big-disk")
    held, _, job = yaml.safe_load_all(text)
    assert yaml.safe_load(held["data"]["render.yaml"]) == {"samples": 4, "camera": {"margin_max": 0.3}}
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    words = shlex.split(job["spec"]["entrypoint"])
    assert words[:6] == ["brickbench", "render", "run", "/settings/render.yaml", "-o", "/data/piles"]
    assert words[words.index("--workers") + 1] == "10"
    assert words[words.index("--worker-gpus") + 1] == "0.5"
    (group,) = job["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    assert (group["replicas"], group["maxReplicas"]) == (5, 5)
    pod = group["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "big-disk"}} in pod["volumes"]
    head = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    for spec in (head, pod):
        assert {mount["name"] for mount in spec["containers"][0]["volumeMounts"]} == {"data", "settings"}


@pytest.mark.parametrize("state", ["RUNNING", "COMPLETING"])
def test_a_script_passes_the_signal_of_the_time_limit_on_and_queues_itself_again(state: str, tmp_path: Path) -> None:
    script = printed(slurm, "-o", str(tmp_path / "piles"), "--kind", "array")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "brickbench").write_text(
        f"#!{sys.executable}\nimport signal, sys, time, pathlib\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))\n"
        f"pathlib.Path({str(tmp_path / 'begun')!r}).touch()\ntime.sleep(60)\n"
    )
    (tools / "scontrol").write_text(f'#!/bin/bash\necho "$@" > {shlex.quote(str(tmp_path / "queued"))}\n')
    (tools / "squeue").write_text(f'#!/bin/bash\n[ "$2" = --jobs=77_1 ] && echo {state}\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    lines = [line for line in script.splitlines() if not line.startswith("source ")]
    (tmp_path / "job.sh").write_text("\n".join(lines))
    environment = {"PATH": f"{tools}:/usr/bin:/bin", "SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_JOB_ID": "77"}
    shell = subprocess.Popen(["bash", str(tmp_path / "job.sh")], env=environment)
    end = time.monotonic() + 120
    while not (tmp_path / "begun").exists() and time.monotonic() < end:
        time.sleep(0.05)
    shell.send_signal(signal.SIGTERM)  # --signal=B: it goes to the shell alone
    assert shell.wait(30) == 130
    queued = tmp_path / "queued"
    assert queued.exists() == (state == "RUNNING")  # and not after scancel
    assert not queued.exists() or queued.read_text().split() == ["requeue", "77_1"]


def test_the_dockerfile_installs_all_that_bpy_needs() -> None:
    words = set((Path(brickbench.__file__).parent / "Dockerfile").read_text().split())
    assert set(DEBIAN_PACKAGE_OF.values()) <= words


@pytest.mark.parametrize("kind", ["ray", "array"])
def test_no_path_leaves_its_quotes(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s "$(touch hacked)" `x` #; piles'
    script = printed(slurm, "-o", str(folder), "--nodes", "2", "--kind", kind)
    check_shell(script)
    comment = next((line for line in script.splitlines() if "--wrap" in line), None)
    if kind == "array":
        assert comment is not None
        command = shlex.split(comment.removeprefix("#"))[-1]
        assert shlex.split(command)[-3:] == ["dataset", "index", str(folder)]


@pytest.mark.parametrize("words", [["-o", "a\nb"], ["-o", "a", "--time", "1:00\n#SBATCH --uid=0"], ["-o", "a\x1b[2J"]])
def test_control_characters_are_refused(words: list[str]) -> None:
    with pytest.raises(SettingsError, match="cannot be printed"):
        CliRunner().invoke(slurm, words, catch_exceptions=False)


def test_kubernetes_keeps_rays_dashboard_to_the_job() -> None:
    image = 'registry/"x": {a}'
    _, policy, job = yaml.safe_load_all(printed(kubernetes, "-o", "piles", "--image", image, "--claim", "a: b"))
    assert policy["kind"] == "NetworkPolicy"
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    chosen = policy["spec"]["podSelector"]["matchLabels"]
    spec = job["spec"]["rayClusterSpec"]
    pods = [
        spec["headGroupSpec"]["template"], spec["workerGroupSpecs"][0]["template"], job["spec"]["submitterPodTemplate"],
    ]  # fmt: skip
    assert [pod["metadata"]["labels"] for pod in pods] == [chosen] * 3
    assert {pod["spec"]["containers"][0]["image"] for pod in pods} == {image}
    assert pods[0]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == "a: b"
