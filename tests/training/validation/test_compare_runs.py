"""Runs side by side: the list, what was set otherwise, paired differences on the very same pictures."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import average_precision_score

from core.errors import BrickbenchError, SettingsError
from dataset.pile_dataset import PileDataset
from training.commands import train as train_commands
from training.fit.loop import train
from training.run.history import EPOCHS_FILE
from training.run.predict import predict
from training.run.run import SETTINGS_FILE, Run, list_runs
from training.run.settings import TrainingSettings
from training.validation.compare_runs import compare_runs, stored_logits


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, make_toy: Callable[..., Path]) -> Path:
    """Return a dataset with two runs, the second of which was stopped after one of two epochs."""
    root = make_toy(tmp_path_factory.mktemp("compare") / "dataset", piles=60)
    settings = TrainingSettings(model_kwargs={"width": 0.05, "stem_stride": 2}, input_size_px=64, epochs=1)
    train(settings, root, root / "runs" / "first", device="cpu")

    def stop(row: dict[str, object]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(settings.model_copy(update={"epochs": 2, "seed": 5}), root, root / "runs" / "second", after_epoch=stop)
    for name in ("first", "second"):
        predict(Run.open(root / "runs" / name), "test", device="cpu")
    return root


def both(root: Path) -> list[Run]:
    return [Run.open(root / "runs" / name) for name in ("first", "second")]


def test_the_list(root: Path) -> None:
    first, second = list_runs(root)
    assert (first.run_id, first.model, first.epochs, first.of, first.finished) == ("first", "bricknet", 1, 1, True)
    assert (second.run_id, second.epochs, second.of, second.finished) == ("second", 1, 2, False)
    assert first.best_epoch == 1
    row = json.loads((root / "runs/first" / EPOCHS_FILE).read_text())
    assert first.best_val_map == row["val_map_macro"]
    assert (first.initial_weights, first.problem) == ("untrained", None)
    assert first.settings != second.settings
    assert first.data == second.data
    done = CliRunner().invoke(train_commands, ["list", str(root)])
    assert done.exit_code == 0, done.output
    header, _, *lines = done.stdout.splitlines()
    assert header.split()[:5] == ["run_id", "model", "epochs", "of", "finished"]
    assert [line.split()[0] for line in lines] == ["first", "second"]
    as_json = json.loads(CliRunner().invoke(train_commands, ["list", str(root), "--json"]).stdout)
    assert [each["finished"] for each in as_json] == [True, False]
    best_first = json.loads(CliRunner().invoke(train_commands, ["list", str(root), "--json", "--sort", "best"]).stdout)
    scores = [each["best_val_map"] for each in best_first]
    assert scores == sorted(scores, reverse=True)


def test_a_damaged_run_is_listed_with_the_reason_and_no_run_is_said(own_trained: Path, tmp_path: Path) -> None:
    settings = own_trained / "runs/toy" / SETTINGS_FILE
    settings.write_text("colour: red\n")
    done = CliRunner().invoke(train_commands, ["list", str(own_trained)])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[2].startswith("toy ")
    assert f"toy: In {settings}: unknown setting 'colour'" in done.stderr
    empty = CliRunner().invoke(train_commands, ["list", str(tmp_path)])
    assert empty.stdout == ""
    assert empty.stderr.startswith(f"The dataset {tmp_path} has no runs yet: ")


def test_settings_that_differ_and_scores(root: Path) -> None:
    found = compare_runs(both(root), resamples=50)
    rows = [row for row in found.setting_rows() if row["setting"] != "git_commit"]  # someone may commit meanwhile
    assert rows == [
        {"setting": "seed", "first": 0, "second": 5},
        {"setting": "epochs", "first": 1, "second": 2},
    ]
    assert [row["run"] for row in found.score_rows()] == ["first", "second"]
    assert [row["best_epoch"] for row in found.score_rows()] == [1, 1]


def test_the_paired_difference_is_that_of_scikit_learn(root: Path) -> None:
    found = compare_runs(both(root), seed=3, resamples=200)
    by_metric = {pair.metric: pair for pair in found.paired}
    assert {pair.split for pair in found.paired} == {"test"}  # val was not predicted
    pictures = PileDataset(root, "test")
    scores = []
    for name in ("second", "first"):
        logits = stored_logits(name, "epoch_0001", pictures)
        assert logits is not None
        scores.append(average_precision_score(pictures.targets, logits, average="macro"))
    pair = by_metric["map_macro"]
    assert (pair.run, pair.minus, pair.pictures) == ("second", "first", len(pictures))
    assert pair.difference.value == pytest.approx(scores[0] - scores[1])
    assert pair.difference.low < pair.difference.high
    assert pair.groups == len(np.unique(pictures.groups))


def test_a_run_held_against_its_own_copy_differs_in_nothing(own_trained: Path) -> None:
    original = Run.open(own_trained / "runs/toy")
    predict(original, "val", device="cpu")
    copy = own_trained / "runs/copy"
    settings = TrainingSettings.load(own_trained / "runs/toy" / SETTINGS_FILE)
    train(settings, own_trained, copy, device="cpu")
    predict(Run.open(copy), "val", device="cpu")
    found = compare_runs([original, Run.open(copy)], resamples=50)
    assert set(found.settings) - {"git_commit"} == {"dataset"}  # the original was trained elsewhere
    assert [p.difference.value for p in found.paired] == [0.0] * 3


def test_the_command(root: Path, own_trained: Path) -> None:
    runs = [str(root / "runs" / name) for name in ("first", "second")]
    done = CliRunner().invoke(train_commands, ["compare", *runs, "--resamples", "50"])
    assert done.exit_code == 0, done.output
    assert "difference_low" in done.stdout
    as_json = CliRunner().invoke(train_commands, ["compare", *runs, "--resamples", "50", "--json"])
    document = json.loads(as_json.stdout)
    assert {row["metric"] for row in document["paired"]} == {"map_macro", "map_micro", "f1_macro"}
    assert document["settings"][0] == {"setting": "seed", "first": 0, "second": 5}
    elsewhere = CliRunner().invoke(train_commands, ["compare", runs[0], str(own_trained / "runs/toy")])
    assert "No split was predicted by all of them" in elsewhere.stderr


def test_what_cannot_be_compared(root: Path, tmp_path: Path) -> None:
    first, again = Run.open(root / "runs/first"), Run.open(root / "runs/../runs/first")
    for runs in ([first], [first, again]):
        with pytest.raises(SettingsError, match="two or more different runs"):
            compare_runs(runs)
    done = CliRunner().invoke(train_commands, ["compare", str(root / "runs/first"), str(tmp_path)])
    assert isinstance(done.exception, BrickbenchError)
    assert f"{tmp_path} is no run" in str(done.exception)
