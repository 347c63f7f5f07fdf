"""``brickbench dataset export`` and ``subset`` from the outside."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from core.errors import SettingsError
from dataset.commands import dataset
from dataset.export.formats import FORMATS

PIXEL_FORMATS = [name for name in FORMATS if name != "bop"]  # which needs the shapes of parts


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(dataset, [str(word) for word in words])


@pytest.mark.parametrize("name", PIXEL_FORMATS)
def test_export_prints_what_it_wrote(mixed: Path, tmp_path: Path, name: str) -> None:
    done = call(
        "export", mixed, "--format", name, "-o", tmp_path / "out", "--split", "val", "--split", "test", "--json"
    )
    assert done.exit_code == 0, done.exception
    summary = json.loads(done.stdout)
    assert summary["folder"] == str(tmp_path / "out")
    assert summary["format"] == name
    assert list(summary["images"]) == ["val", "test"]
    assert summary["files"] > 0
    again = call("export", mixed, "--format", name, "-o", tmp_path / "out")
    assert isinstance(again.exception, SettingsError)
    done = call("export", mixed, "--format", name, "-o", tmp_path / "out", "--force", "--source", "real")
    assert done.exit_code == 0, done.exception
    assert [line.split() for line in done.stdout.splitlines()[2:]] == [["train", "2"], ["test", "1"]]
    assert f"{tmp_path / 'out'}: " in done.stderr


def test_subset_prints_what_it_made(mixed: Path, tmp_path: Path) -> None:
    sql = "SELECT image_id FROM images WHERE background = 'wood'"
    done = call("subset", mixed, sql, "-o", tmp_path / "wooden", "--json")
    assert done.exit_code == 0, done.exception
    summary = json.loads(done.stdout)
    assert (summary["shards"], summary["images"], summary["parts"]) == (1, 12, 3)
    done = call("subset", mixed, sql, "-o", tmp_path / "copied", "--copy", "--drop-unused-parts")
    assert done.exit_code == 0, done.exception
    assert done.stdout.split()[:6] == ["folder", "shards", "images", "instances", "labels", "parts"]


def test_wrong_use_has_exit_code_2(mixed: Path, tmp_path: Path) -> None:
    assert call("export", mixed, "--format", "cocoa", "-o", tmp_path / "out").exit_code == 2
    assert call("export", mixed, "--format", "coco").exit_code == 2
    assert call("subset", mixed, "SELECT image_id FROM images").exit_code == 2
    done = call("subset", mixed, "DROP TABLE images", "-o", tmp_path / "out")
    assert isinstance(done.exception, SettingsError)
    assert done.exception.exit_code == 2
    assert list(tmp_path.iterdir()) == []
