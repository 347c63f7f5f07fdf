"""Shards of raw maps: what float16 keeps, when a shard is written, several writers, leftovers."""

import dataclasses
import errno
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import explain.shard_writer
from core.errors import BrickbenchError
from explain.protocol import NoSettings
from explain.shard_writer import ShardWriter, survives_float16
from explain.store import Attribution, load_maps, method_folder, read_attributions, read_shard, shard_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return method_folder(tmp_path, "gradcam", NoSettings())


def row(number: int) -> Attribution:
    return Attribution(f"run/{number}", "run", "epoch_0001", f"p{number:06d}", "3001", "gradcam", "d1", "", 0, 0.25)


def some_maps(*numbers: int, size: int = 3) -> np.ndarray:
    return np.stack([np.full((size, size), number, dtype=np.float32) for number in numbers])


@pytest.mark.parametrize(
    ("values", "survives"),
    [
        ([0.0, 1.0, -1.0], True),
        ([65504.0, 0.0], True),
        ([65520.0, 0.0], False),  # rounds to infinity
        ([1e-5, 0.9e-5], False),  # subnormal: steps of 6e-8 are more than 0.05 % of it
        ([1e-8, 0.0], False),  # would be 0
        ([2.0**-14, 2.0**-15], True),  # powers of two stay exact
        ([1.0, 3.3e-5], True),  # below a thousandth of the largest, where its own size does not count
        ([0.01, 1.1e-5], False),
        ([np.inf, 1.0], False),
        ([np.nan, 1.0], False),
        ([0.0, 0.0], True),
    ],
)
def test_what_survives_float16(values: list[float], survives: bool) -> None:
    assert survives_float16(np.array([values], dtype=np.float32)) is survives


@given(arrays(np.float32, (4, 4), elements=st.floats(-70000, 70000, width=32)))
def test_what_survives_is_the_same_to_the_stated_bound(values: np.ndarray) -> None:
    if survives_float16(values):
        kept = values.astype(np.float16).astype(np.float64)
        allowed = 2.0**-11 * np.maximum(np.abs(values), 1e-3 * np.abs(values).max())
        assert (np.abs(kept - values) <= allowed * (1 + 1e-6)).all()
    elif np.abs(values).max() <= 65504:
        assert 0 < np.abs(values).max() < 0.07


def test_float16_is_kept_where_maps_survive_it_and_read_as_float32(tmp_path: Path, folder: Path) -> None:
    maps = np.stack([np.eye(3), 1e-6 * np.eye(3), 1e6 * np.eye(3), 0.1 * np.eye(3)]).astype(np.float32)
    with ShardWriter(folder, "float16") as writer:
        writer.add([row(number) for number in range(4)], maps)
    assert writer.kept_float32 == 2
    assert sorted(np.load(path).dtype.name for path in folder.glob("*.npy")) == ["float16", "float32"]
    rows = sorted(read_attributions(tmp_path), key=lambda row: row.attribution_id)
    found = list(load_maps(tmp_path, rows))
    assert {values.dtype.name for values in found} == {"float32"}
    np.testing.assert_array_equal(found[1:3], maps[1:3])
    np.testing.assert_allclose(np.stack(found), maps, rtol=2**-11)
    assert rows[0] == dataclasses.replace(row(0), file=rows[0].file, row=0)


def test_a_shard_is_written_when_it_holds_enough(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain.shard_writer, "MAPS_A_SHARD", 3)
    with ShardWriter(folder) as writer:
        writer.add([row(number) for number in range(7)], some_maps(*range(7)))
        assert [len(read_shard(path)) for path in sorted(folder.glob("*.parquet"))] == [3, 3]
    assert [len(read_shard(path)) for path in sorted(folder.glob("*.parquet"))] == [3, 3, 1]
    monkeypatch.setattr(explain.shard_writer, "BYTES_A_SHARD", 36)
    with ShardWriter(folder) as writer:
        writer.add([row(7), row(8)], some_maps(7, 8))
        assert len(list(folder.glob("*.parquet"))) == 5
    monkeypatch.setattr(explain.shard_writer, "BYTES_A_SHARD", 1000)
    monkeypatch.setattr(explain.shard_writer, "SECONDS_A_SHARD", 0.0)
    with ShardWriter(folder) as writer:
        writer.add([row(9), row(10)], some_maps(9, 10))
        assert len(list(folder.glob("*.parquet"))) == 6


def test_what_was_made_is_written_when_the_work_is_interrupted(tmp_path: Path, folder: Path) -> None:
    def work() -> None:
        with ShardWriter(folder) as writer:
            writer.add([row(0)], some_maps(0))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert [row.attribution_id for row in read_attributions(tmp_path)] == ["run/0"]


def test_two_writers_leave_each_map_once(tmp_path: Path, folder: Path) -> None:
    with ShardWriter(folder) as one, ShardWriter(folder) as other:
        one.add([row(0), row(1)], some_maps(0, 1))
        other.add([row(1), row(2)], some_maps(1, 2))
    rows = read_attributions(tmp_path)
    assert sorted(row.attribution_id for row in rows) == ["run/0", "run/1", "run/2"]
    assert len(shard_files(tmp_path)) == 2
    for found, values in zip(rows, load_maps(tmp_path, rows), strict=True):
        assert (values == int(found.attribution_id[4:])).all()
    assert ShardWriter(folder).stored == {"run/0", "run/1", "run/2"}


def test_what_killed_processes_left_is_cleared_away(folder: Path) -> None:
    with ShardWriter(folder) as writer:
        writer.add([row(0)], some_maps(0))
    whole = set(folder.iterdir())
    for name in ("000001.npy", ".000001.npy.123.tmp", ".000001.parquet.123.tmp"):
        (folder / name).write_bytes(b"half written")
    ShardWriter(folder)
    assert set(folder.iterdir()) == whole


def test_a_full_disk_is_told_clearly(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("explain.store.np.save", full)
    writer = ShardWriter(folder)
    writer.add([row(0)], some_maps(0))
    with pytest.raises(BrickbenchError, match=r"^Cannot write maps in .*: No space left on device\. What is written"):
        writer.flush()
    assert {path.name for path in folder.iterdir()} == {"settings.yaml"}
