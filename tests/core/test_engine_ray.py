"""Work on a Ray cluster of two nodes: the same outcomes as local processes give, whatever dies meanwhile."""

import importlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.engine import LOCAL, Engine, run_items
from core.engines import ray_fleet
from core.engines.interface import GPU_VARIABLES
from core.engines.on_ray import RayEngine
from core.errors import BrickbenchError, SettingsError

pytestmark = pytest.mark.slow


@pytest.fixture
def engine(cluster: Any) -> RayEngine:
    return RayEngine(cluster.address)


def square(number: int) -> int:
    return number * number


def crash_once(marker: str) -> str:
    if not Path(marker).exists():
        Path(marker).touch()
        os._exit(7)
    return "made"


def always_crash(_: int) -> None:
    os._exit(7)


def fail(number: int) -> int:
    if number == 2:
        raise ValueError("two is no good")
    return number


def user_mistake(_: int) -> None:
    raise SettingsError("mend this")


def test_every_item_is_done_once(engine: RayEngine) -> None:
    crew = engine.crew(None, 7)
    assert (crew.workers, crew.threads) == (2, 1)
    outcomes = list(run_items(square, {str(k): k for k in range(7)}, workers=2, engine=engine))
    assert {o.key: o.value for o in outcomes} == {str(k): k * k for k in range(7)}
    assert all(o.attempts == 1 and o.error is None for o in outcomes)


def test_no_items_yield_nothing(engine: RayEngine) -> None:
    assert list(run_items(square, {}, workers=2, engine=engine)) == []


def test_an_item_whose_worker_dies_is_tried_again(engine: RayEngine, tmp_path: Path) -> None:
    markers = {name: str(tmp_path / name) for name in "abc"}
    outcomes = {o.key: o for o in run_items(crash_once, markers, workers=2, engine=engine)}
    assert {key: (o.value, o.attempts) for key, o in outcomes.items()} == dict.fromkeys("abc", ("made", 2))


def test_what_ray_tells_of_dying_workers_does_not_get_among_results(
    engine: RayEngine, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    list(run_items(crash_once, {"a": str(tmp_path / "a")}, workers=1, engine=engine))
    end = time.monotonic() + 120
    err = ""
    while "raylet" not in err and time.monotonic() < end:  # it comes by another way than the answer
        time.sleep(0.1)
        out, more = capfd.readouterr()
        err += more
        assert out == ""
    assert "A worker died" in err


def crash_on_two(number: int) -> int:
    if number == 2:
        os._exit(7)
    return number


def test_an_item_that_always_kills_its_worker_is_reported_and_the_rest_goes_on(engine: RayEngine) -> None:
    outcomes = {o.key: o for o in run_items(crash_on_two, {str(k): k for k in range(4)}, workers=2, engine=engine)}
    bad = outcomes.pop("2")
    assert (bad.value, bad.attempts) == (None, 2)
    assert bad.error is not None
    assert bad.error.startswith("Actor")
    assert {key: o.value for key, o in outcomes.items()} == {"0": 0, "1": 1, "3": 3}


def test_an_exception_is_reported_as_local_processes_report_it(engine: RayEngine) -> None:
    items = {str(k): k for k in range(4)}
    there = {o.key: o for o in run_items(fail, items, workers=2, retries=0, engine=engine)}
    assert there == {o.key: o for o in run_items(fail, items, workers=1, retries=0, engine=LOCAL)}
    assert there["2"].error == "ValueError: two is no good"


def no_such_thing() -> None:
    raise BrickbenchError("this machine lacks it")


@pytest.mark.parametrize("which", ["ray", "local"])
def test_a_mistake_of_the_user_stops_all_work(engine: RayEngine, which: str) -> None:
    chosen: Engine = engine if which == "ray" else LOCAL
    with pytest.raises(SettingsError, match="mend this"):
        list(run_items(user_mistake, {"a": 1, "b": 2}, workers=1, engine=chosen))
    with pytest.raises(BrickbenchError, match="this machine lacks it"):
        list(run_items(square, {"a": 1}, workers=1, setup=no_such_thing, engine=chosen))


def break_down() -> None:
    raise OSError("no library")


def test_workers_that_cannot_start_end_the_run_with_their_reason(engine: RayEngine) -> None:
    with pytest.raises(BrickbenchError, match=r"No worker on Ray could be made ready: OSError: no library\. The log"):
        list(run_items(square, {"a": 1}, workers=1, setup=break_down, engine=engine))


def test_a_worker_that_fits_on_no_node_is_refused_in_the_end(cluster: Any) -> None:
    greedy = RayEngine(cluster.address, worker_gpus=1, patience_s=2)
    with pytest.raises(BrickbenchError) as caught:
        list(run_items(square, {"a": 1}, workers=1, engine=greedy))
    assert str(caught.value) == (
        "Ray placed no worker with 1 cores and 1 GPUs within 2 s; the cluster has 2 cores and 0 GPUs. "
        "Give other --worker-cpus and --worker-gpus, or add nodes."
    )


def node_id() -> str:
    import ray

    return str(ray.get_runtime_context().get_node_id())


def is_the_chosen_node(file: Path) -> bool:
    """Return whether this node came first; `file` holds its id."""
    try:
        with file.open("x") as begun:
            begun.write(node_id())
    except FileExistsError:
        pass
    return file.read_text() == node_id()


def fail_on_full_node(item: tuple[str, int]) -> int:
    """Fail at once on the node that came first, as where the disk is full."""
    folder, number = item
    if is_the_chosen_node(Path(folder) / "full"):
        raise OSError(28, "No space left on device")
    time.sleep(0.3)  # work takes longer than failing: the full node would get nearly all of it
    return number


def test_a_node_whose_disk_is_full_gets_no_more_work(engine: RayEngine, tmp_path: Path) -> None:
    items = {str(k): (str(tmp_path), k) for k in range(12)}
    outcomes = list(run_items(fail_on_full_node, items, workers=2, engine=engine))
    assert {o.key: o.value for o in outcomes} == {str(k): k for k in range(12)}
    assert sum(o.attempts == 2 for o in outcomes) <= ray_fleet.STRIKES


def hang_on_one_node(item: tuple[str, int]) -> int:
    """Never end on the node that comes first, once for each item: a node that swaps or has a failing disk."""
    folder, number = item
    is_slow = is_the_chosen_node(Path(folder) / "slow")
    (Path(folder) / f"{number}-{node_id()}-{os.getpid()}").touch()
    if is_slow:
        time.sleep(3600)
    return number


def test_what_a_slow_node_has_not_done_is_done_elsewhere(
    engine: RayEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_fleet, "SLOW_AT_LEAST_S", 0.5)
    items = {str(k): (str(tmp_path), k) for k in range(5)}
    outcomes = list(run_items(hang_on_one_node, items, workers=2, engine=engine))
    assert sorted(o.key for o in outcomes) == ["0", "1", "2", "3", "4"]  # each once
    assert all(o.value == int(o.key) and o.attempts == 1 for o in outcomes)
    names = [path.name.split("-") for path in tmp_path.iterdir() if path.name != "slow"]
    assert len(names) == 6  # one item was begun twice
    slow = (tmp_path / "slow").read_text()
    (hanging,) = [int(pid) for _, node, pid in names if node == slow]
    wait_until_gone({hanging})


def take_long(item: tuple[str, int]) -> int:
    folder, number = item
    (Path(folder) / f"{number}-{node_id()}-{os.getpid()}").touch()
    time.sleep(1.0)
    return number


def begun(folder: Path) -> dict[str, tuple[str, int]]:
    """Return node and process of each item that was begun."""
    found = {}
    for path in folder.iterdir():
        number, node, pid = path.name.split("-")
        found[number] = (node, int(pid))
    return found


@pytest.fixture
def ctrl_c_counts() -> Iterator[None]:
    """Have Ctrl-C raise, also where this process was started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_the_workers_in_the_middle_of_their_items(
    engine: RayEngine, tmp_path: Path, ctrl_c_counts: None
) -> None:
    items = {str(k): (str(tmp_path), k) for k in range(100)}

    def interrupt() -> None:
        while not any(tmp_path.iterdir()):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        list(run_items(take_long, items, workers=2, engine=engine))
    thread.join()
    wait_until_gone({pid for _, pid in begun(tmp_path).values()})


def wait_until_gone(processes: set[int]) -> None:
    end = time.monotonic() + 120
    while any(Path(f"/proc/{pid}").exists() for pid in processes) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in processes)


def test_no_ray_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BrickbenchError) as caught:
        RayEngine().crew(None, 1)
    assert str(caught.value) == (
        "--engine ray needs the package ray, which is not installed: run `uv pip install 'ray[default,train]'` in the "
        "environment of Brickbench on every node, or leave out --engine."
    )


def visible_gpus(_: int) -> list[str | None]:
    return [os.environ.get(name) for name in GPU_VARIABLES]


def test_a_worker_sees_the_gpus_that_it_was_given(cluster: Any, engine: RayEngine) -> None:
    (without,) = run_items(visible_gpus, {"a": 1}, workers=1, engine=engine)
    assert without.value == ["", ""]
    node = cluster.add_node(num_cpus=0, num_gpus=1)
    try:
        sharing = RayEngine(cluster.address, worker_cpus=0, worker_gpus=0.5)
        assert sharing.crew(None, 9).workers == 2
        (given,) = run_items(visible_gpus, {"a": 1}, workers=1, engine=sharing)
        assert given.value is not None
        assert given.value[0] == "0"
    finally:
        cluster.remove_node(node)


@pytest.mark.parametrize(
    ("address", "variable", "said"),
    [
        (None, None, "Ray remembers a cluster on this machine that does not answer (it is gone). Run `ray stop` if"),
        ("head:1", None, "There is no Ray cluster at head:1 (it is gone). Start one with `ray start --head`, or give"),
        (None, "head:2", "There is no Ray cluster at head:2 (it is gone). Start one with `ray start --head`, or give"),
    ],
)
def test_a_cluster_that_does_not_answer_is_told_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, address: str | None, variable: str | None, said: str
) -> None:
    def refuse(**_: object) -> None:
        raise ConnectionError("it is gone\nand more")

    ray: Any = importlib.import_module("ray")
    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if variable is not None:
        monkeypatch.setenv("RAY_ADDRESS", variable)
    with pytest.raises(BrickbenchError) as caught:
        RayEngine(address).crew(None, 1)
    assert str(caught.value).startswith(said)


def test_a_lost_node_loses_no_item_and_counts_for_nothing(cluster: Any, engine: RayEngine, tmp_path: Path) -> None:
    (other,) = [node for node in cluster.list_all_nodes() if node is not cluster.head_node]
    items = {str(k): (str(tmp_path), k) for k in range(9)}
    outcomes = []
    is_lost = False
    for outcome in run_items(take_long, items, workers=2, retries=0, engine=engine):
        outcomes.append(outcome)
        if not is_lost and other.node_id in {node for node, _ in begun(tmp_path).values()}:
            cluster.remove_node(other, allow_graceful=False)
            is_lost = True
    assert is_lost
    assert {o.key: (o.value, o.error) for o in outcomes} == {str(k): (k, None) for k in range(9)}
