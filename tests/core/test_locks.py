"""Locks between processes: who waits, who is refused, and what ends a lock."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from core.errors import BrickbenchError
from core.locks import AT_ONCE, lock, sole_writer


def test_of_two_writers_of_a_folder_the_second_is_refused(tmp_path: Path) -> None:
    with sole_writer(tmp_path):
        reason = r"Another process is writing .* Wait until it is done"
        with pytest.raises(BrickbenchError, match=reason), sole_writer(tmp_path):
            pass
    with sole_writer(tmp_path):
        assert list(tmp_path.iterdir()) == []


def test_one_that_waits_for_ever_comes_after_the_one_that_holds_it(tmp_path: Path) -> None:
    order: list[str] = []

    def wait() -> None:
        with lock(tmp_path, ".lock") as is_alone:
            order.append(f"second {is_alone}")

    second = threading.Thread(target=wait)
    with lock(tmp_path, ".lock") as is_alone:
        second.start()
        time.sleep(0.2)
        order.append(f"first {is_alone}")
    second.join(timeout=10)
    assert order == ["first True", "second True"]


def test_one_that_waits_for_a_while_gives_up_with_its_own_error(tmp_path: Path) -> None:
    started = time.monotonic()
    busy = BrickbenchError("busy")
    with lock(tmp_path), pytest.raises(BrickbenchError, match="busy"), lock(tmp_path, wait_s=0.3, busy=busy):
        pass
    assert 0.3 <= time.monotonic() - started < 5


def test_one_that_waits_for_a_while_gets_what_is_let_go_meanwhile(tmp_path: Path) -> None:
    held = threading.Event()

    def hold() -> None:
        with lock(tmp_path):
            held.set()
            time.sleep(0.3)

    first = threading.Thread(target=hold)
    first.start()
    assert held.wait(10)
    with lock(tmp_path, wait_s=10, busy=BrickbenchError("busy")) as is_alone:
        assert is_alone
    first.join()


def test_a_killed_process_holds_no_lock_any_more(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from core.locks import lock\n"
        "with lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(BrickbenchError), sole_writer(tmp_path):
        pass
    process.kill()
    process.wait()
    process.stdout.close()
    with sole_writer(tmp_path):
        pass


def test_without_locks_in_the_file_system_the_work_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuse)
    with lock(tmp_path) as is_alone, lock(tmp_path, wait_s=AT_ONCE, busy=BrickbenchError("busy")):
        assert not is_alone


def test_a_lock_file_is_not_made_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), lock(tmp_path, "link"):
        pass
    assert not (tmp_path / "elsewhere").exists()
