"""An exported folder is whole or not there: killed, on a full disk, over something else, twice."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import brickbench
from core.errors import BrickbenchError, SettingsError
from dataset.dataset_folder import DatasetFolder
from dataset.export import coco
from dataset.export.files import MARKER_NAME
from dataset.export.formats import FORMATS, Options, export_pictures
from dataset.export.selection import select_pictures

PIXEL_FORMATS = [name for name in FORMATS if name != "bop"]  # which needs the shapes of parts

KILLED = """
import os, sys
from pathlib import Path
from dataset.export import yolo
from dataset.export.formats import export_pictures
from dataset.dataset_folder import DatasetFolder
from dataset.export.selection import select_pictures
written = 0
def write(*args, **kwargs):
    global written
    written += 1
    if written == 5:
        os._exit(9)
    original(*args, **kwargs)
original, yolo.write_picture = yolo.write_picture, write
export_pictures(select_pictures(DatasetFolder.open(Path(sys.argv[1]))), "yolo", Path(sys.argv[2]), force=True)
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", PIXEL_FORMATS)
def test_each_format_gives_the_same_bytes_again_and_says_what_it_wrote(mixed: Path, tmp_path: Path, name: str) -> None:
    selection = select_pictures(DatasetFolder.open(mixed))
    summary = export_pictures(selection, name, tmp_path / "one")
    export_pictures(selection, name, tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert sum(summary.images.values()) == len(selection) == 28
    files = contents(tmp_path / "one")
    assert summary.files == len(files) - 1  # without the marker
    marker = yaml.safe_load(files[MARKER_NAME])
    assert marker == {"dataset": "dataset", "format": name, "sql": None, "link": False, "segments": False}
    assert summary.megabytes == pytest.approx((sum(map(len, files.values())) - len(files[MARKER_NAME])) / 1e6)


def test_a_killed_export_leaves_nothing_and_the_next_clears_up(mixed: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    command = [sys.executable, "-c", KILLED, str(mixed), str(target)]
    done = subprocess.run(command, cwd=Path(brickbench.__file__).parent, check=False, capture_output=True)
    assert done.returncode == 9, done.stderr
    assert not target.exists()
    (leftover,) = tmp_path.iterdir()
    assert leftover.name.startswith(".out.")
    export_pictures(select_pictures(DatasetFolder.open(mixed)), "yolo", target)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    # With an earlier export in its place, a killed one leaves that as it was.
    before = contents(target)
    done = subprocess.run(command, cwd=Path(brickbench.__file__).parent, check=False, capture_output=True)
    assert done.returncode == 9, done.stderr
    assert contents(target) == before


def test_a_full_disk_is_said_and_leaves_what_was_there(
    mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    export_pictures(select_pictures(DatasetFolder.open(mixed), splits=["val"]), "coco", target)
    before = contents(target)

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(coco, "write_picture", full)
    with pytest.raises(BrickbenchError) as caught:
        export_pictures(select_pictures(DatasetFolder.open(mixed)), "coco", target, force=True)
    assert str(caught.value) == (
        f"The folder {target} could not be written: No space left on device. "
        "It is as it was; mend that, or choose another folder, and run the command again."
    )
    assert contents(target) == before
    assert list(tmp_path.iterdir()) == [target]


def test_only_an_earlier_export_is_replaced_and_only_by_force(mixed: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    val, test = (select_pictures(DatasetFolder.open(mixed), splits=[split]) for split in ("val", "test"))
    export_pictures(val, "yolo", target)  # an empty folder is as good as none
    with pytest.raises(SettingsError) as caught:
        export_pictures(test, "yolo", target)
    assert str(caught.value) == (
        f"{target} holds an export already. Choose another folder, or replace it with --force."
    )
    export_pictures(test, "yolo", target, force=True)
    assert [path.name for path in (target / "images").iterdir()] == ["test"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    (target / MARKER_NAME).unlink()
    before = contents(target)
    for force in (False, True):
        with pytest.raises(SettingsError) as caught:
            export_pictures(val, "yolo", target, force=force)
        assert str(caught.value) == (
            f"The output folder {target} should be new or empty, but there is something in it. Choose another."
        )
    assert contents(target) == before


def test_a_damaged_picture_ends_an_export(own_mixed: Path, tmp_path: Path) -> None:
    path = own_mixed / "shards" / "000000" / "images" / "p000005_v00.png"
    path.write_bytes(path.read_bytes()[:-1])
    for name in PIXEL_FORMATS:
        with pytest.raises(BrickbenchError) as caught:
            export_pictures(select_pictures(DatasetFolder.open(own_mixed)), name, tmp_path / name)
        assert str(caught.value) == (
            f"The image {path} is damaged or missing: its content is not what the index says. "
            f"Run `brickbench dataset check {own_mixed}` to see what is wrong and how to mend it."
        )
        assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "cocoo",
            Options(),
            "Unknown format 'cocoo' (did you mean 'coco'?); known are coco, yolo, webd",
        ),
        ("parquet", Options(link=True), "Links are for coco and yolo: parquet packs pictures into larger files."),
        ("coco", Options(segments=True), "Segments are for yolo: coco always has masks."),
    ],
)
def test_what_a_format_lacks_is_wrong_use(
    mixed: Path, tmp_path: Path, name: str, options: Options, message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        export_pictures(select_pictures(DatasetFolder.open(mixed)), name, tmp_path / "out", options=options)
    assert str(caught.value).startswith(message)
    assert list(tmp_path.iterdir()) == []
