"""What a user's SQL may do with an index: read it, and nothing else."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.errors import SettingsError
from dataset.commands import dataset
from dataset.database import INDEX_NAME
from dataset.dataset_folder import DatasetFolder
from dataset.queries import query
from dataset.schema import VIEWS

SECRET = "hidden = 1\n"
FORBIDDEN = [
    "SELECT * FROM read_csv('{file}')",
    "SELECT * FROM read_text('{file}')",
    "SELECT * FROM read_blob('{file}')",
    "SELECT * FROM read_parquet('{file}')",
    "SELECT * FROM '{file}'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM sniff_csv('{file}')",
    "COPY labels TO '{folder}/labels.csv'",
    "COPY (SELECT 1) TO '/dev/stdout'",
    "COPY labels FROM '{file}'",
    "EXPORT DATABASE '{folder}/copy'",
    "IMPORT DATABASE '{folder}'",
    "ATTACH '{folder}/other.duckdb'",
    "ATTACH '{file}' AS other (READ_ONLY)",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SELECT * FROM read_csv('https://example.org/a.csv')",
    "SET memory_limit = '99GB'",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "RESET enable_external_access",
    "PRAGMA memory_limit = '99GB'",
    "PRAGMA enable_profiling",
    "PRAGMA temp_directory = '{folder}'",
    "SET temp_directory = '{folder}'",
    "DELETE FROM labels",
    "INSERT INTO labels VALUES ('ghost', '3003')",
    "UPDATE images SET split = 'train'",
    "DROP TABLE labels",
    "ALTER TABLE labels ADD COLUMN ghost INTEGER",
    "CREATE TABLE ghost (a INTEGER)",
    "CREATE VIEW ghost AS SELECT 1",
    "CREATE OR REPLACE VIEW twins AS SELECT 1",
    "SELECT 1; DELETE FROM labels",
    "BEGIN; DROP TABLE images; COMMIT",
    "TRUNCATE labels",
    "SELECT * FROM index",  # a variable of the program around the query
    "SELECT * FROM rows",
    "SELECT getenv('HOME')",
]


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_it_is_refused_in_one_sentence_and_changes_nothing(toy_dataset: Path, tmp_path: Path, sql: str) -> None:
    file = tmp_path / "settings.csv"
    file.write_text(SECRET, encoding="utf-8")
    before = (toy_dataset / INDEX_NAME).read_bytes()
    with pytest.raises(SettingsError) as caught:
        query(DatasetFolder.open(toy_dataset), sql.format(file=file, folder=tmp_path))
    assert str(caught.value).startswith("The query failed: ")
    assert "\n" not in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert (toy_dataset / INDEX_NAME).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["settings.csv"]


def test_what_does_not_fit_in_memory_goes_to_disk_and_is_cleared_away(toy_dataset: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(toy_dataset, tmp_path / "dataset"))
    before = sorted(path.name for path in root.iterdir())
    sql = "SELECT count(*) FROM (SELECT DISTINCT i, i::VARCHAR || 'padding' AS text FROM range(3000000) t(i))"
    assert query(DatasetFolder.open(root), sql, "60MB") == (["count_star()"], [(3_000_000,)])
    assert sorted(path.name for path in root.iterdir()) == before


@pytest.mark.parametrize("limit", ["2", "GB", "-1GB", "2 parrots", "80%", ""])
def test_a_limit_that_is_no_size_is_wrong_use(toy_dataset: Path, limit: str) -> None:
    with pytest.raises(SettingsError) as caught:
        query(DatasetFolder.open(toy_dataset), "SELECT 1", limit)
    assert str(caught.value) == f"The memory limit should be a number and a unit, such as 2GB, got {limit!r}."


def test_views_are_listed(toy_dataset: Path) -> None:
    listed = CliRunner().invoke(dataset, ["query", str(toy_dataset), "--views", "--json"])
    assert json.loads(listed.stdout) == [
        {"view": view.name, "a row is": view.about, "columns": ", ".join(view.columns)} for view in VIEWS
    ]
    for words in ([], ["SELECT 1", "--views"]):
        wrong = CliRunner().invoke(dataset, ["query", str(toy_dataset), *words])
        assert wrong.exit_code == 2
        assert "Give either SQL or --views." in wrong.stderr
