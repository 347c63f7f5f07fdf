"""Which pictures an export takes, and what it refuses to be led to."""

from pathlib import Path

import pytest

from core.errors import BrickbenchError, SettingsError
from dataset.dataset_folder import DatasetFolder
from dataset.export import selection as module
from dataset.export.files import stored_path
from dataset.export.selection import Picture, select_pictures
from dataset.index import open_index


def ids(root: Path, **wanted: object) -> set[str]:
    return {name for names in select_pictures(DatasetFolder.open(root), **wanted).image_ids.values() for name in names}  # type: ignore[arg-type]


def test_splits_sources_and_sql_narrow_the_choice(mixed: Path) -> None:
    with open_index(mixed) as index:
        rows = index.execute("SELECT image_id, split, source, background, twin_of FROM images").fetchall()
    plain = {row[0] for row in rows if row[4] is None}
    assert ids(mixed) == plain
    assert ids(mixed, twins=True) == {row[0] for row in rows}
    assert ids(mixed, splits=["val", "test"]) == {row[0] for row in rows if row[1] != "train"} & plain
    assert ids(mixed, source="real") == {row[0] for row in rows if row[2] == "real"}
    wooden = {row[0] for row in rows if row[3] == "wood"}
    assert ids(mixed, sql="SELECT split, image_id FROM images WHERE background = 'wood'") == wooden
    twin = "p000000_v00_without_3003"
    assert ids(mixed, sql="SELECT image_id FROM images WHERE twin_of IS NOT NULL") == {twin}


def test_pictures_come_in_order_whatever_the_batch(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read() -> list[Picture]:
        selection = select_pictures(DatasetFolder.open(mixed), twins=True)
        return [picture for split in selection.image_ids for picture in selection.pictures(split)]

    whole = read()
    monkeypatch.setattr(module, "PICTURES_AT_ONCE", 3)
    assert read() == whole
    assert len(whole) == 29
    for split in ("train", "val", "test"):
        names = [picture.image_id for picture in whole if picture.split == split]
        assert names == sorted(names)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT part_id FROM labels", "The query should select the column image_id; it selects part_id. Write it as"),
        ("SELECT 'p9' AS image_id", "The query should select image_ids of {root}; 'p9' is none. Select from the table"),
        (
            "SELECT * FROM (VALUES ('p9'), ('p8')) t(image_id)",
            "The query should select image_ids of {root}; 'p8' is none (nor are 1 others). Select from the table",
        ),
        ("DROP TABLE images", "The query failed: Invalid Input Error: Cannot execute statement of type"),
        ("SELECT image_id FROM '/etc/passwd.csv'", "The query failed: Permission Error: Cannot access file"),
    ],
)
def test_sql_that_selects_no_pictures_is_wrong_use(mixed: Path, sql: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        select_pictures(DatasetFolder.open(mixed), sql=sql)
    assert str(caught.value).startswith(message.format(root=mixed))


def test_nothing_to_export_is_said(mixed: Path) -> None:
    with pytest.raises(BrickbenchError) as caught:
        select_pictures(DatasetFolder.open(mixed), splits=["val"], source="real")
    assert str(caught.value) == (
        f"No picture of {mixed} is left to export: with this --source it has 1 in test, 2 in train. "
        "Choose other splits, another source or another query."
    )


def test_an_image_id_cannot_name_a_file_elsewhere(own_mixed: Path) -> None:
    with open_index(own_mixed, read_only=False) as index:
        index.execute("UPDATE images SET image_id = '../../x' WHERE image_id = 'p000003_v00'")
    with pytest.raises(BrickbenchError) as caught:
        select_pictures(DatasetFolder.open(own_mixed))
    assert str(caught.value) == (
        "The image_id '../../x' should be letters, digits, _ and - only, since it names files. "
        "That dataset was not made by Brickbench; do not trust it."
    )


@pytest.mark.parametrize("file", ["../secret.png", "shards/../../secret.png", "/etc/passwd", "shards/link/secret.png"])
def test_a_file_outside_of_the_dataset_is_not_read(tmp_path: Path, file: str) -> None:
    root = tmp_path / "dataset"
    (root / "shards").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"")
    (root / "shards" / "link").symlink_to(tmp_path)
    with pytest.raises(BrickbenchError) as caught:
        stored_path(root, file)
    assert str(caught.value) == f"The file {file!r} lies outside of the dataset {root}. Do not trust that dataset."


def test_a_stale_index_is_refused(own_mixed: Path) -> None:
    text = (own_mixed / "dataset.yaml").read_text()
    (own_mixed / "dataset.yaml").write_text(text.replace("min_visible_fraction: 0.25", "min_visible_fraction: 0.5"))
    with pytest.raises(BrickbenchError, match=r"changed after its index was made. Run `brickbench dataset index"):
        select_pictures(DatasetFolder.open(own_mixed))
