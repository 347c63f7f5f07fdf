"""Ray nodes with addresses of their own, joined by a network whose cable is pulled in the middle of the work."""

import contextlib
import hashlib
import importlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.engine import run_items
from core.engines.on_ray import RayEngine

pytestmark = pytest.mark.slow

HERE = Path(__file__)
ROOT = HERE.parents[2]
HEAD, OTHER = "10.83.0.1", "10.83.0.2"
HEALTH = {"INITIAL_DELAY_MS": "1000", "PERIOD_MS": "1000", "TIMEOUT_MS": "3000", "FAILURE_THRESHOLD": "4"}
"""After some 15 seconds of silence Ray gives a node up; by its own defaults it takes a minute or more."""
_numbers = itertools.count()


@dataclass(frozen=True)
class Network:
    """Two machines, as namespaces, and the switch between them, which is one too: nothing is added to this machine."""

    name: str
    folder: Path
    """Ray's, short as the paths of its sockets must be."""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def spaces(self) -> list[str]:
        return [f"{self.name}{part}" for part in "sab"]

    def build(self) -> None:
        switch, *machines = self.spaces
        for space in self.spaces:
            ip("netns", "add", space)
        ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        ip("-n", switch, "link", "set", "bridge", "up")
        for space, address in zip(machines, (HEAD, OTHER), strict=True):
            port = f"to_{space[-1]}"
            ip("-n", switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
            ip("-n", switch, "link", "set", port, "master", "bridge", "up")
            ip("-n", space, "address", "add", f"{address}/24", "dev", "eth0")
            ip("-n", space, "link", "set", "lo", "up")
            ip("-n", space, "link", "set", "eth0", "up")

    def cut(self) -> None:
        """Pull the cable of the other machine, on which everything goes on running."""
        ip("-n", self.spaces[0], "link", "set", "to_b", "down")

    def start(self, space: str, *words: str) -> subprocess.Popen[bytes]:
        """Start a Python program in a namespace."""
        environment = os.environ | {f"RAY_health_check_{key.lower()}": value for key, value in HEALTH.items()}
        environment |= {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": f"{ROOT}:{HERE.parent}"}
        environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "7" * 64}
        environment.pop("RAY_ADDRESS", None)
        log = (self.folder / f"{space}.log").open("ab")
        with log:
            started = subprocess.Popen(
                ["ip", "netns", "exec", space, sys.executable, *words],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, start_new_session=True,
            )  # fmt: skip
        self.processes.append(started)
        return started

    def start_ray(self) -> None:
        _, head, other = self.spaces
        common = ["-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1", "--disable-usage-stats"]
        common += ["--object-store-memory=80000000"]
        self.start(
            head, *common, "--head", f"--node-ip-address={HEAD}", "--port=6379", f"--temp-dir={self.folder}",
            "--include-dashboard=false",
        )  # fmt: skip
        self.start(other, *common, f"--node-ip-address={OTHER}", f"--address={HEAD}:6379")

    def remove(self) -> None:
        for space in self.spaces:
            processes = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True, check=False)
            for process in processes.stdout.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)
            subprocess.run(["ip", "netns", "delete", space], stderr=subprocess.DEVNULL, check=False)
        for started in self.processes:
            started.wait()


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@pytest.fixture
def network() -> Iterator[Network]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and `ip` (Debian's iproute2) to make network namespaces")
    folder = Path(tempfile.mkdtemp(prefix="bbn"))
    made = Network(f"bb{os.getpid()}n{next(_numbers)}", folder)
    try:
        try:
            made.build()
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces can be made here: {error.stderr.strip()}")
        made.start_ray()
        yield made
    finally:
        made.remove()
        shutil.rmtree(folder, ignore_errors=True)


def digest(item: tuple[str, int]) -> str:
    """Return a value that depends on the item only, and leave word of where it was begun."""
    folder, number = item
    ray: Any = importlib.import_module("ray")
    if ray.is_initialized():
        (Path(folder) / f"{number}-{ray.util.get_node_ip_address()}-{os.getpid()}").touch()
        time.sleep(0.5)
    return hashlib.sha256(str(number).encode()).hexdigest()


def drive(folder: str, count: int) -> None:
    """Do the items from within a machine of the network, as soon as both are there; write down what they came to."""
    engine = RayEngine(f"{HEAD}:6379")
    end = time.monotonic() + 120
    while engine.crew(None, count).workers < 2 and time.monotonic() < end:
        time.sleep(0.2)
    items = {str(number): (folder, number) for number in range(count)}
    outcomes = list(run_items(digest, items, workers=2, retries=0, engine=engine))
    ray: Any = importlib.import_module("ray")
    nodes = {node["NodeManagerAddress"]: node["Alive"] for node in ray.nodes()}
    done = {outcome.key: [outcome.value, outcome.error, outcome.attempts] for outcome in outcomes}
    (Path(folder) / "answer.json").write_text(json.dumps({"outcomes": done, "nodes": nodes}))


def begun(folder: Path) -> list[tuple[int, str, int]]:
    """Return number, address and process of all that was begun."""
    return [
        (int(number), address, int(process))
        for number, address, process in (path.name.split("-") for path in folder.glob("*-*-*"))
    ]


@pytest.mark.parametrize("is_cut", [False, True], ids=["whole", "cut"])
def test_work_on_nodes_that_a_network_joins_is_that_of_local_processes(
    network: Network, tmp_path: Path, is_cut: bool
) -> None:
    count = 80 if is_cut else 24  # after the cut there is work for longer than it takes to give the node up
    driver = network.start(
        network.spaces[1], "-c", f"import {HERE.stem} as here; here.drive({str(tmp_path)!r}, {count})"
    )
    end = time.monotonic() + 200
    while driver.poll() is None and len({address for _, address, _ in begun(tmp_path)}) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    if is_cut:
        network.cut()
    assert driver.wait(240) == 0, (network.folder / f"{network.spaces[1]}.log").read_text()
    told = json.loads((tmp_path / "answer.json").read_text())
    local = run_items(digest, {str(number): (str(tmp_path), number) for number in range(count)}, workers=1)
    assert {key: (value, error) for key, (value, error, _) in told["outcomes"].items()} == {
        outcome.key: (outcome.value, outcome.error) for outcome in local
    }
    again = [number for number, *_ in begun(tmp_path)]
    assert told["nodes"] == {HEAD: True, OTHER: not is_cut}
    assert len(again) - len(set(again)) == sum(attempts - 1 for *_, attempts in told["outcomes"].values())
    assert (len(again) > count) == is_cut  # what the lost node was on was begun again: its worker was alive, but far
