import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.engine import LOCAL, Engine, Outcome, run_items
from core.engines.on_ray import RayEngine
from core.errors import BrickbenchError


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
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
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
