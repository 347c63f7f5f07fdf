"""Indexes on disks that fill, and files of an index that are damaged: the truth, and a way out that works."""

import errno
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import brickbench
from core.errors import BrickbenchError
from dataset.checks import check_dataset
from dataset.database import BusyIndexError, DamagedIndexError
from dataset.dataset_folder import DatasetFolder
from dataset.index import open_index, rebuild_index, update_index


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "none", folder]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def rows(root: Path) -> list[Any]:
    with open_index(root) as index:
        return [index.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in ("images", "instances")]


def leave_free(folder: Path, kilobytes: int) -> None:
    filler = folder / "filler"
    filler.unlink(missing_ok=True)
    free = shutil.disk_usage(folder).free
    filler.write_bytes(bytes(max(free - kilobytes * 1024, 0)))


def test_a_disk_that_fills_never_costs_the_index_and_is_told(toy_dataset: Path, small_disk: Path) -> None:
    root = Path(shutil.copytree(toy_dataset, small_disk / "d"))
    expected = rows(root)
    told = []
    for kilobytes in (4, 300, 1500, 8000):
        leave_free(small_disk, kilobytes)
        try:
            rebuild_index(root)
        except BrickbenchError as error:
            told.append(str(error))
        (small_disk / "filler").unlink()
        assert rows(root) == expected, f"{kilobytes} kB free"
        assert check_dataset(DatasetFolder.open(root)) == []
    assert told, "no disk was small enough"
    assert len(told) < 4, "no disk was large enough"
    for words in told:
        assert "could not be written" in words or "Cannot write" in words, words


def test_a_merge_on_a_disk_that_fills_is_whole_or_not_there(toy_dataset: Path, small_disk: Path) -> None:
    root = Path(shutil.copytree(toy_dataset, small_disk / "d"))
    expected = rows(root)
    (root / "index.duckdb").unlink()
    (root / "shards").rename(root / "later")
    (root / "shards").mkdir()
    update_index(root)
    (root / "shards").rmdir()
    (root / "later").rename(root / "shards")
    outcomes = set()
    for kilobytes in (0, 200, 600, 4000):
        leave_free(small_disk, kilobytes)
        try:
            update_index(root)
        except BrickbenchError:
            outcomes.add("told")
            (small_disk / "filler").unlink()
            assert rows(root) in ([0, 0], expected)
            continue
        (small_disk / "filler").unlink()
        assert rows(root) == expected, f"{kilobytes} kB free"
        outcomes.add("done")
    assert outcomes == {"told", "done"}


def spoil(root: Path, at: int, count: int = 64) -> None:
    file = root / "index.duckdb"
    content = bytearray(file.read_bytes())
    content[at : at + count] = bytes(255 - byte for byte in content[at : at + count])
    file.write_bytes(content)


@pytest.mark.parametrize("at", [8, 4096 + 16, 8192 + 16], ids=["magic", "first header", "second header"])
def test_a_damaged_header_is_told_as_that_and_made_anew(toy_dataset: Path, tmp_path: Path, at: int) -> None:
    root = Path(shutil.copytree(toy_dataset, tmp_path / "d"))
    expected = rows(root)
    spoil(root, at)
    for command in (open_index, update_index):
        with pytest.raises(DamagedIndexError, match=r"is damaged\. Run `brickbench dataset index --rebuild"):
            command(root)
    assert [problem.kind for problem in check_dataset(DatasetFolder.open(root))] == ["index"]
    rebuild_index(root)
    assert rows(root) == expected


@pytest.mark.slow
def test_damaged_blocks_are_a_problem_that_check_tells_and_a_rebuild_mends(toy_dataset: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(toy_dataset, tmp_path / "d"))
    whole, expected = (root / "index.duckdb").read_bytes(), rows(root)
    kinds = set()
    for at in range(12288 + 64, len(whole), max(len(whole) // 12, 1)):
        (root / "index.duckdb").write_bytes(whole)
        spoil(root, at)
        kinds |= {problem.kind for problem in check_dataset(DatasetFolder.open(root))}
        rebuild_index(root)
        assert rows(root) == expected
    assert kinds == {"index"}


@pytest.mark.parametrize("size", [0, 5000, 40_000])
def test_a_truncated_file_is_told_and_made_anew(toy_dataset: Path, tmp_path: Path, size: int) -> None:
    root = Path(shutil.copytree(toy_dataset, tmp_path / "d"))
    expected, content = rows(root), (root / "index.duckdb").read_bytes()
    (root / "index.duckdb").write_bytes(content[:size])
    assert {problem.kind for problem in check_dataset(DatasetFolder.open(root))} == {"index"}
    rebuild_index(root)
    assert rows(root) == expected


@pytest.mark.parametrize("version", [None, "2", "999", "x"])
def test_an_index_of_another_version_names_a_way_out_that_works(
    toy_dataset: Path, tmp_path: Path, version: str | None
) -> None:
    root = Path(shutil.copytree(toy_dataset, tmp_path / "d"))
    expected = rows(root)
    with duckdb.connect(str(root / "index.duckdb")) as index:
        index.execute("DELETE FROM meta WHERE name = 'schema_version'")
        if version is not None:
            index.execute("INSERT INTO meta VALUES ('schema_version', ?)", [version])
    with pytest.raises(BrickbenchError, match="schema version") as caught:
        open_index(root)
    (rebuild_index if "index --rebuild" in str(caught.value) else update_index)(root)
    assert rows(root) == expected


def test_what_the_disk_says_is_no_damage(toy_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(words: str) -> None:
        def connect(*_: object, **__: object) -> None:
            raise duckdb.IOException(f'IO Error: Cannot open file "{tmp_path}/block": {words}')

        monkeypatch.setattr(duckdb, "connect", connect)

    for words in ("Read-only file system", "Permission denied", "No space left on device"):
        refuse(words)
        with pytest.raises(BrickbenchError, match=f"cannot be used: {words}") as caught:
            open_index(toy_dataset)
        assert not isinstance(caught.value, DamagedIndexError | BusyIndexError)


def test_a_question_mark_in_the_path_is_no_damage(toy_dataset: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(toy_dataset, tmp_path / "what?mode=ro&x#y %41"))
    with pytest.raises(BrickbenchError, match="Rename the folder") as caught:
        rows(root)
    assert not isinstance(caught.value, DamagedIndexError)
    plain = root.rename(tmp_path / "what, now & #y %41")
    assert rows(plain) == rows(toy_dataset)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "maps.npy"),
            "Cannot write maps.npy: No space left on device",
        ),
        (OSError(errno.EROFS, "Read-only file system"), "Cannot write: Read-only file system"),
        (duckdb.IOException("Corrupt database file: computed checksum 1"), "index of the dataset is damaged"),
    ],
)
def test_the_command_line_tells_what_a_disk_refused_in_one_sentence(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(brickbench.cli, "main", fail)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert brickbench.run() == 1
    assert said in capsys.readouterr().err
