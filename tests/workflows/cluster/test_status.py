"""What is told of a render by its files, while it runs and after it ended."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.errors import BrickbenchError
from dataset.shards import pile_shard, shard_folder
from render.journal import RunJournal, ShardJournal, read_workers, shard_log, this_render
from workflows.status import SILENT_S, read_status
from workflows.status_command import status


def journal(root: Path, share: tuple[int, int] = (1, 1)) -> RunJournal:
    return RunJournal(root, share, piles=10, piles_per_shard=4, todo=3, engine="local processes", workers=2)


def fail_at(root: Path, pile: int) -> None:
    with ShardJournal(root, (1, 1), pile // 4, "cpu", this_render()) as shard:
        shard.begin_pile(pile)
        raise OSError("full")


def test_a_render_tells_its_state_from_begin_to_end(tmp_path: Path) -> None:
    with journal(tmp_path) as run:
        begun = read_status(tmp_path)
        assert (begun.state, begun.piles, begun.shards, begun.piles_done) == ("silent", 10, 3, 0)
        with ShardJournal(tmp_path, (1, 1), 0, "cpu", this_render()) as first:
            for pile in range(4):
                first.begin_pile(pile)
                found = read_status(tmp_path)
                assert (found.state, found.shards_running, found.piles_done) == ("running", 1, pile)
            shard_folder(tmp_path, pile_shard(0)).mkdir(parents=True)
        with ShardJournal(tmp_path, (1, 1), 1, "cpu", this_render()) as second:
            second.begin_pile(4)
            second.begin_pile(5)
            found = read_status(tmp_path)
        assert (found.shards_done, found.shards_running, found.piles_done) == (1, 1, 5)
        (rate,) = found.devices
        assert (rate.device, rate.workers, rate.piles) == ("cpu", 1, 5)
        assert found.hours_left == pytest.approx(5 / found.piles_per_hour)
        reason = run.fail(2, "BrokenProcessPool: gone", 2)
        assert reason == "BrokenProcessPool: gone"
    ended = read_status(tmp_path)
    assert ended.state == "failed"
    assert [(failure.shard, failure.attempts) for failure in ended.failures] == [(2, 2)]
    log = shard_log(tmp_path, 0).read_text().splitlines()
    assert len(log) == 6
    assert log[0].endswith(f"begun on cpu for {this_render()}")
    assert log[-1].endswith(" s")


def test_a_shard_that_two_workers_are_on_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with journal(tmp_path):
        with ShardJournal(tmp_path, (1, 1), 1, "cpu", this_render()) as slow:
            slow.begin_pile(4)
            monkeypatch.setattr("render.journal.socket.gethostname", lambda: "another")
            monkeypatch.setattr("render.journal._me", {})
            with ShardJournal(tmp_path, (1, 1), 1, "cpu", this_render()) as fast:
                for pile in (4, 5, 6):
                    fast.begin_pile(pile)
                found = read_status(tmp_path)
        assert (found.shards_running, found.piles_done, len(found.workers)) == (1, 2, 2)


def test_the_pile_at_which_a_worker_died_is_named(tmp_path: Path) -> None:
    with journal(tmp_path) as run:
        dying = ShardJournal(tmp_path, (1, 1), 1, "cpu", this_render()).__enter__()
        dying.begin_pile(4)
        dying.begin_pile(5)
        assert run.died_twice_at(1) is None
        assert run.fail(1, "ActorDiedError: gone", 2) == "ActorDiedError: gone (it died at pile 5)"
        ShardJournal(tmp_path, (1, 1), 1, "cpu", this_render()).__enter__().begin_pile(5)
        assert run.died_twice_at(1) == 5
        for _ in range(2):  # of another render, which was stopped in the middle of a slow pile
            ShardJournal(tmp_path, (1, 1), 0, "cpu", "elsewhere-1").__enter__().begin_pile(3)
        assert run.died_twice_at(0) is None
        ShardJournal(tmp_path, (1, 1), 1, "cpu", this_render()).__enter__().begin_pile(6)
        assert run.died_twice_at(1) is None
        writing = ShardJournal(tmp_path, (1, 1), 1, "cpu", this_render()).__enter__()
        writing.begin_pile(6)
        writing.end_piles()
        assert run.died_twice_at(1) is None
        assert run.fail(1, "ActorDiedError: gone", 2) == "ActorDiedError: gone"
    with pytest.raises(OSError, match="full"):
        fail_at(tmp_path, 8)
    assert "OSError: full" in shard_log(tmp_path, 2).read_text()
    with journal(tmp_path) as run:
        assert run.fail(2, "OSError: full", 2) == "OSError: full"  # it could say so itself


def test_shares_are_taken_together_and_a_new_render_forgets_the_old_one(tmp_path: Path) -> None:
    with journal(tmp_path, (1, 2)), ShardJournal(tmp_path, (1, 2), 0, "cpu", this_render()) as one:
        one.begin_pile(0)
        with pytest.raises(KeyboardInterrupt), journal(tmp_path, (2, 2)):
            raise KeyboardInterrupt
        assert read_status(tmp_path).state == "running"
    assert read_status(tmp_path).state == "stopped"
    assert len(read_workers(tmp_path)) == 1
    with journal(tmp_path, (1, 2)):
        assert read_workers(tmp_path) == []
        assert len(list((tmp_path / "logs" / "renders").iterdir())) == 2
    with journal(tmp_path):  # divided otherwise
        assert [path.name for path in (tmp_path / "logs" / "renders").iterdir()] == ["1-of-1.json"]


def test_workers_that_write_nothing_for_long_are_taken_for_lost(tmp_path: Path) -> None:
    with journal(tmp_path), ShardJournal(tmp_path, (1, 1), 0, "cpu", this_render()) as shard:
        shard.begin_pile(0)
        (path,) = (tmp_path / "logs" / "workers").iterdir()
        old = path.stat().st_mtime - SILENT_S - 10
        os.utime(path, (old, old))
        found = read_status(tmp_path)
        assert (found.state, found.shards_running, found.hours_left) == ("silent", 0, None)


def test_the_command_prints_tables_or_json(tmp_path: Path) -> None:
    with journal(tmp_path) as run:
        run.fail(2, "OSError: full", 2)
    table = CliRunner().invoke(status, [str(tmp_path), "--watch"], catch_exceptions=False)
    assert "0 of 10" in table.stdout
    assert "last errors (1 in all)" in table.stdout
    assert str(shard_log(tmp_path, 2)) in table.stdout
    found = json.loads(CliRunner().invoke(status, [str(tmp_path), "--json"], catch_exceptions=False).stdout)
    assert found["failures"] == [{"shard": 2, "error": "OSError: full", "attempts": 2}]
    assert found["hours_left"] is None


def test_a_dataset_of_which_nothing_is_known_is_said(tmp_path: Path) -> None:
    with pytest.raises(BrickbenchError, match="has no logs/renders, so nothing is known of its making"):
        read_status(tmp_path)
