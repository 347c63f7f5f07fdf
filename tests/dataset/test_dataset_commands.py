"""``brickbench dataset …`` from the outside: what is printed where, and which errors end it."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from core.errors import BrickbenchError, SettingsError
from dataset.commands import dataset
from dataset.index import open_index
from dataset.manifest import Manifest
from dataset.shards import shard_folder


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(dataset, [str(word) for word in words])


@pytest.fixture
def root(tmp_path: Path, toy_dataset: Path) -> Path:
    shutil.copytree(toy_dataset, tmp_path / "dataset")
    return tmp_path / "dataset"


def test_index_makes_and_mends(root: Path) -> None:
    (root / "index.duckdb").unlink()
    done = call("index", root)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-1] == f"{root}: merged 1 new shard."
    assert call("index", root).stderr.splitlines()[-1] == f"{root}: merged 0 new shards."
    run = root / "runs" / "one"
    run.mkdir(parents=True)
    (run / "run.yaml").write_text("run_id: one")
    assert call("index", root, "--run", run).stderr.splitlines()[-1] == f"{root}: merged 0 new shards and 1 run."
    shutil.rmtree(run)
    lines = call("index", "--rebuild", root).stderr.splitlines()
    assert lines[-2:] == [
        f"{root}: merged 1 shard.",
        f"The run {root / 'runs/one'} is gone, so the new index is without it.",
    ]


def test_info_counts_what_is_there(toy_dataset: Path) -> None:
    done = call("info", toy_dataset, "--json")
    assert done.exit_code == 0
    summary = json.loads(done.stdout)
    with open_index(toy_dataset) as index:
        labels, instances, images = (
            dict(index.execute(f"SELECT {key}, count(*) FROM {table} GROUP BY {key}").fetchall())
            for key, table in (("part_id", "labels"), ("part_id", "instances"), ("split", "images"))
        )
    assert summary["totals"] == {
        "images": 40, "photos": 0, "piles": 40, "instances": sum(instances.values()), "labels": sum(labels.values()),
        "shards": 1, "runs": 0,
    }  # fmt: skip
    assert {row["split"]: row["images"] for row in summary["splits"]} == images
    assert [row["part_id"] for row in summary["parts"]] == ["3003", "3010", "4032"]
    assert {row["part_id"]: (row["images"], row["instances"]) for row in summary["parts"]} == {
        part: (labels[part], instances[part]) for part in instances
    }
    assert summary["backgrounds"] == [{"background": "grey", "images": 20}, {"background": "wood", "images": 20}]
    assert summary["label_rule"] == Manifest.load_folder(toy_dataset).label_rule.model_dump()
    text = call("info", toy_dataset).stdout
    assert "label_rule: min_visible_fraction 0.25, min_visible_px 20" in text
    assert "Brick 1 x 4" in text


def test_query_prints_tables_json_and_csv(toy_dataset: Path) -> None:
    sql = "SELECT part_id, part_id, class_index, NULL AS nothing FROM parts ORDER BY 1 LIMIT 1"
    expected = {"part_id": "3003", "part_id_2": "3003", "class_index": 0, "nothing": None}
    assert json.loads(call("query", toy_dataset, sql, "--json").stdout) == [expected]
    rows = list(csv.reader(io.StringIO(call("query", toy_dataset, sql, "--csv").stdout)))
    assert rows == [list(expected), ["3003", "3003", "0", ""]]
    assert call("query", toy_dataset, sql).stdout.split() == [
        *expected, "---------", "-----------", "-------------", "---------", "3003", "3003", "0", "–",
    ]  # fmt: skip
    assert json.loads(call("query", toy_dataset, "SELECT 1 AS one WHERE false", "--json").stdout) == []
    assert call("query", toy_dataset, "SELECT 1 AS one WHERE false").stdout.split()[0] == "one"
    assert call("query", toy_dataset, sql, "--json", "--csv").exit_code == 2


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELEC 1", 'The query failed: Parser Error: syntax error at or near "SELEC". Tables are listed by `'),
        ("SELECT * FROM piles", "The query failed: Catalog Error: Table with name piles does not exist! Did you mean"),
        ("DROP TABLE parts", 'The query failed: Invalid Input Error: Cannot execute statement of type "DROP" on'),
        ("SELECT * FROM '/etc/passwd.csv'", "The query failed: Permission Error: Cannot access file"),
        ("COPY parts TO 'parts.csv'", "The query failed: Permission Error: Cannot access file"),
        ("SET memory_limit = '1GB'", "The query failed: Invalid Input Error: Cannot change configuration option"),
    ],
)
def test_a_query_that_fails_is_wrong_use(toy_dataset: Path, sql: str, expected: str) -> None:
    done = call("query", toy_dataset, sql)
    assert isinstance(done.exception, SettingsError)
    assert done.exception.exit_code == 2
    assert str(done.exception).startswith(expected)
    assert "\n" not in str(done.exception)


def test_check_fails_if_anything_is_wrong(root: Path) -> None:
    done = call("check", root)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-1] == f"{root}: nothing is wrong."
    assert json.loads(call("check", root, "--json").stdout) == []
    path = shard_folder(root, "000000") / "images" / "p000000_v00.png"
    path.write_bytes(path.read_bytes()[:-1])
    done = call("check", root)
    assert isinstance(done.exception, BrickbenchError)
    assert done.exception.exit_code == 1
    assert str(done.exception) == f"{root} is not whole: 1 problem, each printed above with its way out."
    assert "p000000_v00  images/p000000_v00.png was altered: its SHA-256 is not the recorded one" in done.stdout
    assert f"The way out:\n  Run `brickbench dataset check --repair {root}`, which renders again" in done.stdout
    (row,) = json.loads(call("check", root, "--json").stdout)
    assert sorted(row) == ["image_id", "kind", "shard", "way_out", "what"]


def test_split_changes_the_rule_and_shows_counts(root: Path) -> None:
    before = Manifest.load_folder(root)
    shown = json.loads(call("split", root, "--json").stdout)
    assert sum(row["images"] for row in shown) == 40
    assert Manifest.load_folder(root) == before
    changed = json.loads(call("split", root, "--train", "0", "--val", "1", "--test", "0", "--json").stdout)
    assert [(row["split"], row["images"]) for row in changed] == [("train", 0), ("val", 40), ("test", 0)]
    rule = Manifest.load_folder(root).split_rule
    assert (rule.train, rule.val, rule.test, rule.seed) == (0.0, 1.0, 0.0, before.split_rule.seed)
    assert Manifest.load_folder(root).label_rule == before.label_rule
    wrong = call("split", root, "--train", "0.5")
    assert isinstance(wrong.exception, SettingsError)
    assert str(wrong.exception).endswith("train + val + test should be 1; they sum to 1.5.")
    assert Manifest.load_folder(root).split_rule == rule


def test_a_folder_that_is_no_dataset_is_named(tmp_path: Path) -> None:
    for words in (("index",), ("info",), ("check",), ("split",), ("query", "SELECT 1")):
        done = call(words[0], tmp_path, *words[1:])
        assert isinstance(done.exception, BrickbenchError)
        assert str(done.exception).startswith(f"{tmp_path} is no Brickbench dataset: it has no dataset.yaml.")
    assert call("info", tmp_path / "nowhere").exit_code == 2
    assert list(tmp_path.iterdir()) == []
