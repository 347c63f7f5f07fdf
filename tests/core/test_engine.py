import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from core.engine import IN_PROCESS, LOCAL, Engine, Outcome, run_items
from core.engines.interface import worker_number
from core.engines.on_ray import RayEngine
from core.errors import BrickbenchError, PartialFailureError
from core.work import WorkResult, work_through


def square(number: int) -> int:
    return number * number


def crash_once(marker: str) -> str:
    """Kill the process the first time, as a fault in native code would."""
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
    raise BrickbenchError("mend this")


def slow_first(number: int) -> int:
    time.sleep(0.5 if number == 0 else 0)
    return number


def test_every_item_is_done_once() -> None:
    outcomes = list(run_items(square, {str(k): k for k in range(7)}, workers=2))
    assert {o.key: o.value for o in outcomes} == {str(k): k * k for k in range(7)}
    assert all(o.attempts == 1 and o.error is None for o in outcomes)


def own_number(marker: str) -> int:
    """Return the worker's number; one whose marker is not there yet ends its process first."""
    if marker and not Path(marker).exists():
        Path(marker).touch()
        os._exit(7)
    time.sleep(0.3)  # so that every worker gets some
    return worker_number()


@pytest.mark.parametrize("dying", [False, True])
def test_workers_are_numbered_and_one_that_is_replaced_passes_its_number_on(tmp_path: Path, dying: bool) -> None:
    items = {str(k): str(tmp_path / "died") if dying and k == 0 else "" for k in range(9)}
    outcomes = list(run_items(own_number, items, workers=3))
    assert {outcome.value for outcome in outcomes} == {0, 1, 2}
    assert worker_number() == 0


def test_no_items_yield_nothing() -> None:
    assert list(run_items(square, {}, workers=2)) == []


def test_an_item_whose_process_dies_is_tried_again(tmp_path: Path) -> None:
    markers = {name: str(tmp_path / name) for name in "abc"}
    outcomes = {o.key: o for o in run_items(crash_once, markers, workers=2)}
    assert {key: (o.value, o.attempts) for key, o in outcomes.items()} == dict.fromkeys("abc", ("made", 2))


def test_an_item_that_always_kills_its_process_is_reported_and_the_rest_goes_on() -> None:
    (outcome,) = run_items(always_crash, {"bad": 1}, workers=1)
    assert outcome.value is None
    assert outcome.attempts == 2
    assert outcome.error is not None
    assert "BrokenProcessPool" in outcome.error


def test_an_exception_is_reported_with_its_text() -> None:
    outcomes = {o.key: o for o in run_items(fail, {str(k): k for k in range(4)}, workers=2, retries=0)}
    assert outcomes["2"].error == "ValueError: two is no good"
    assert [outcomes[key].value for key in ("0", "1", "3")] == [0, 1, 3]


def test_a_mistake_of_the_user_stops_all_work() -> None:
    with pytest.raises(BrickbenchError, match="mend this"):
        list(run_items(user_mistake, {"a": 1, "b": 2}, workers=1))


def test_outcomes_come_as_they_end() -> None:
    keys = [o.key for o in run_items(slow_first, {"slow": 0, "quick": 1}, workers=2)]
    assert sorted(keys) == ["quick", "slow"]


def go_well_or_ill(item: tuple[str, str]) -> str:
    what, marker = item
    if what == "dies once":
        return crash_once(marker)
    if what == "fails":
        raise ValueError("this is no good")
    return what


def test_ray_gives_the_outcomes_of_local_processes(on_one_node: RayEngine, tmp_path: Path) -> None:
    """The one quick test on Ray; its faults are in `test_engine_ray`."""

    def outcomes(engine: Engine, name: str) -> dict[str, Outcome[str]]:
        (tmp_path / name).mkdir()
        items = {what: (what, str(tmp_path / name / "marker")) for what in ("goes well", "dies once", "fails")}
        return {outcome.key: outcome for outcome in run_items(go_well_or_ill, items, workers=1, engine=engine)}

    there = outcomes(on_one_node, "ray")
    assert there == outcomes(LOCAL, "local")
    assert {key: (o.value, o.attempts, o.error) for key, o in there.items()} == {
        "goes well": ("goes well", 1, None),
        "dies once": ("made", 2, None),
        "fails": (None, 2, "ValueError: this is no good"),
    }


def record_pid_and_sleep(folder: str) -> None:
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(60)


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "from test_engine import record_pid_and_sleep\nfrom core.engine import run_items\n"
        f"if __name__ == '__main__':\n    list(run_items(record_pid_and_sleep, {{'a': {str(tmp_path)!r}}}, workers=1))"
    )
    script = tmp_path.parent / "killed.py"
    script.write_text(code)
    places = (Path(__file__).parent, Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, places))}
    parent = subprocess.Popen([sys.executable, str(script)], env=environment)

    def wait_until(condition: Callable[[], bool]) -> bool:
        end = time.monotonic() + 120
        while not condition() and time.monotonic() < end:
            time.sleep(0.05)
        return condition()

    assert wait_until(lambda: any(tmp_path.iterdir()))
    worker = int(next(tmp_path.iterdir()).name)
    parent.kill()
    parent.wait()
    assert wait_until(lambda: not Path(f"/proc/{worker}").exists())


left: list[str] = []


@contextmanager
def counting(label: str) -> Iterator[list[str]]:
    """Give a list that lives as long as the process is ready."""
    try:
        yield [label]
    finally:
        left.append(label)


def add(seen: list[str], number: int) -> str:
    seen.append(str(number))
    return "".join(seen)


@pytest.mark.parametrize("engine", [IN_PROCESS, LOCAL])
def test_what_a_context_gives_comes_before_each_item(engine: Engine) -> None:
    left.clear()
    items = {str(number): number for number in range(3)}
    outcomes = list(run_items(add, items, workers=1, setup=partial(counting, "ready"), engine=engine))
    assert [outcome.value for outcome in outcomes] == ["ready0", "ready01", "ready012"]  # one process does all
    assert left == (["ready"] if engine is IN_PROCESS else [])  # a worker's process ends with it


def test_this_process_is_left_as_it_was_whatever_happens() -> None:
    left.clear()
    with pytest.raises(BrickbenchError, match="mend this"):
        list(run_items(lambda _seen, item: user_mistake(item), {"a": 1}, workers=1, setup=partial(counting, "mistake"),
                       engine=IN_PROCESS))  # fmt: skip
    for _ in run_items(add, {"a": 1, "b": 2}, workers=1, setup=partial(counting, "stopped"), engine=IN_PROCESS):
        break
    assert left == ["mistake", "stopped"]


@dataclass(frozen=True)
class Number:
    value: int
    size: int = 2

    @property
    def name(self) -> str:
        return "odd" if self.value % 2 else "even"


def halve(_state: object, number: Number) -> int:
    if number.value % 2:
        raise ValueError("is odd")
    return number.value // 2


@pytest.mark.parametrize("alone", [True, False])
def test_work_counts_failures_by_reason_and_goes_on(alone: bool) -> None:
    result = WorkResult()
    items = {str(value): Number(value) for value in range(5)}
    setup = partial(threads_given, alone)
    done = work_through(halve, items, result, setup=setup, engine=LOCAL, workers=2, alone=alone)
    assert {item.value: half for item, half in done} == {0: 0, 2: 1, 4: 2}
    assert result.failures == {"odd: ValueError: is odd": 4}
    error = PartialFailureError("2 halves are missing, 3 are there", result.failures, result)
    assert str(error) == (
        "2 halves are missing, 3 are there. 4 times: odd: ValueError: is odd. Run the command again to try those "
        "once more."
    )


@contextmanager
def threads_given(alone: bool, threads: int) -> Iterator[str]:
    """Check that this process keeps its threads, and that others are told how many they may use."""
    assert (threads == 0) == alone
    yield "ready"
