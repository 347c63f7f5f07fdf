"""Training runs: they learn, they stop and go on to the same weights, they say what is wrong."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import training.loop as loop
from core.errors import BrickbenchError, SettingsError
from dataset.loader import PileDataset
from training.checkpoint import load_checkpoint
from training.loop import best_epoch, learning_rate, train
from training.losses import weighted_bce_with_logits
from training.metrics import label_metrics
from training.validation import validate
from training.runs import RunInfo, dataset_of, load_settings, read_epochs
from training.settings import TrainingSettings

TINY: dict[str, Any] = {
    "model_kwargs": {"width": 0.05, "drop_rate": 0.2},
    "input_size_px": 64,
    "epochs": 4,
    "batch_size": 8,
    "learning_rate": 1e-3,
}


def tiny(**more: object) -> TrainingSettings:
    return TrainingSettings.parse(TINY | more)


@pytest.fixture(scope="module")
def trained(toy_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of four epochs that was never interrupted."""
    run = tmp_path_factory.mktemp("trained") / "whole"
    train(tiny(), toy_dataset, run, device="cpu")
    return run


def weights(run: Path, epoch: int) -> dict[str, torch.Tensor]:
    return load_file(run / f"checkpoints/epoch_{epoch:04d}.safetensors")


def assert_same_end(run: Path, other: Path) -> None:
    mine, theirs = weights(run, 4), weights(other, 4)
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    without_time = [[row | {"seconds": 0} for row in read_epochs(folder)] for folder in (run, other)]
    assert without_time[0] == without_time[1]
    assert sorted(p.name for p in (run / "checkpoints").iterdir()) == sorted(
        p.name for p in (other / "checkpoints").iterdir()
    )


def test_what_a_run_leaves(trained: Path, toy_dataset: Path) -> None:
    info = RunInfo.load_run(trained)
    assert (info.run_id, info.model, info.classes) == ("whole", "bricknet", ("3003", "3010", "4032"))
    assert Path(info.dataset) == toy_dataset.resolve()
    assert info.settings_digest == tiny().digest()
    assert load_settings(trained) == tiny()
    rows = read_epochs(trained)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    named = json.loads((trained / "checkpoints/best.json").read_text())
    best = best_epoch(rows)
    assert named == {
        "checkpoint": f"epoch_{best['epoch']:04d}",
        "metric": "val_map_macro",
        "value": max(row["val_map_macro"] for row in rows),
    }
    kept = {path.stem for path in (trained / "checkpoints").glob("*.safetensors")}
    assert kept == {named["checkpoint"], "epoch_0004"}


def test_scores_of_the_best_checkpoint_are_those_of_its_epoch(trained: Path, toy_dataset: Path) -> None:
    row = best_epoch(read_epochs(trained))
    result = validate(trained, toy_dataset, "val", device="cpu")
    assert result.checkpoint == f"epoch_{row['epoch']:04d}"
    assert label_metrics(result.logits, result.targets).map_macro == pytest.approx(row["val_map_macro"])
    loss = weighted_bce_with_logits(torch.from_numpy(result.logits), torch.from_numpy(result.targets), 22.0)
    assert loss.item() == pytest.approx(row["val_loss"], rel=1e-5)
    assert load_checkpoint(trained).info.metrics["val_map_macro"] == row["val_map_macro"]


@pytest.mark.parametrize("after", [1, 3])
def test_interrupted_after_an_epoch(trained: Path, toy_dataset: Path, tmp_path: Path, after: int) -> None:
    def interrupt(row: dict[str, Any]) -> None:
        if row["epoch"] == after:
            raise KeyboardInterrupt

    run = tmp_path / "whole"
    with pytest.raises(KeyboardInterrupt):
        train(tiny(), toy_dataset, run, device="cpu", after_epoch=interrupt)
    assert len(read_epochs(run)) == after
    train(tiny(workers=1, cache_mb=0), toy_dataset, run, device="cpu")  # neither changes a weight
    assert_same_end(run, trained)


@pytest.mark.parametrize(
    "step", ["weighted_bce_with_logits", "_validate", "save_checkpoint", "_save_resume", "_publish"]
)
def test_killed_anywhere_in_an_epoch(
    trained: Path, toy_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whatever step of the second epoch is cut off, before or after it did its work."""
    original = getattr(loop, step)
    for when in ("before", "after"):
        run = tmp_path / when / "whole"
        calls = 0

        def killed(*args: Any, when: str = when, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            dies = calls == (5 if step == "weighted_bce_with_logits" else 3 if step == "_publish" else 2)
            if dies and when == "before":
                raise KeyboardInterrupt
            result = original(*args, **kwargs)
            if dies:
                raise KeyboardInterrupt
            return result

        with monkeypatch.context() as patched:
            patched.setattr(loop, step, killed)
            with pytest.raises(KeyboardInterrupt):
                train(tiny(), toy_dataset, run, device="cpu")
        assert len(read_epochs(run)) in {1, 2}
        train(tiny(), toy_dataset, run, device="cpu")
        assert_same_end(run, trained)


def test_a_finished_run_is_left_alone(trained: Path, toy_dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(loop, "_train_epoch")
    before = {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}
    assert train(tiny(), toy_dataset, trained) == read_epochs(trained)
    assert {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()} == before


def test_other_settings_or_pictures_are_refused(
    trained: Path, toy_dataset: Path, make_toy: Callable[..., Path], tmp_path: Path
) -> None:
    before = (trained / "run.yaml").read_bytes()
    with pytest.raises(
        SettingsError,
        match=rf"^{trained} holds a run with other settings \(batch_size: 8 there, 4 here; seed: 0 there, 1 here\)",
    ):
        train(tiny(seed=1, batch_size=4), toy_dataset, trained)
    other = make_toy(tmp_path / "other", seed=1)
    with pytest.raises(SettingsError, match=rf"^{trained} holds a run on other pictures than the train and val"):
        train(tiny(), other, trained)
    assert (trained / "run.yaml").read_bytes() == before


def test_a_folder_of_something_else_is_refused(toy_dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(BrickbenchError, match=rf"^{tmp_path} is not empty and holds no run: choose another"):
        train(tiny(), toy_dataset, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_run(
    toy_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: float
) -> None:
    original = loop.weighted_bce_with_logits
    calls = 0

    def sometimes(*args: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return original(*args) * (bad if calls == 6 else 1)  # 3 batches and a validation an epoch

    monkeypatch.setattr(loop, "weighted_bce_with_logits", sometimes)
    run = tmp_path / "run"
    text = (
        f"The loss became {bad} in epoch 2, batch 2 (checkpoint epoch_0001 is kept): train in another folder with a "
        "learning_rate below 0.001."
    )
    with pytest.raises(BrickbenchError, match="^" + re.escape(text) + "$"):
        train(tiny(), toy_dataset, run)
    assert load_checkpoint(run).epoch == 1
    assert len(read_epochs(run)) == 1


def test_weights_that_blow_up_are_not_kept(toy_dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(BrickbenchError, match=r"^The loss became \w+ in .* \(no epoch had ended\): train in another"):
        train(tiny(learning_rate=1e30), toy_dataset, tmp_path / "run")
    assert not list((tmp_path / "run").glob("checkpoints/*"))


def test_damaged_state_is_named(toy_dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(tiny(epochs=1), toy_dataset, run)
    state = run / "checkpoints/resume.pt"
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(BrickbenchError, match=rf"^{state} is damaged, so the run cannot go on .*delete that file"):
        train(tiny(epochs=1), toy_dataset, run)
    assert load_checkpoint(run).epoch == 1


def test_it_learns(toy_dataset: Path, tmp_path: Path) -> None:
    """Without variation, a small network learns some two dozen pictures by heart."""
    settings = tiny(
        model_kwargs={"width": 0.1, "stem_stride": 2},
        epochs=20,
        positive_weight=2,
        augment_renders="none",
        keep="all",
    )
    history = train(settings, toy_dataset, tmp_path / "run")
    assert history[-1]["train_loss"] < 0.5 * history[0]["train_loss"]
    known = validate(tmp_path / "run", toy_dataset, "train", "last")
    assert label_metrics(known.logits, known.targets).map_macro > 0.9
    assert len(list((tmp_path / "run/checkpoints").glob("*.safetensors"))) == 20


def test_any_timm_network_trains(toy_dataset: Path, tmp_path: Path) -> None:
    history = train(tiny(model="test_convnext", model_kwargs={}, epochs=1), toy_dataset, tmp_path / "run")
    assert len(history) == 1
    assert load_checkpoint(tmp_path / "run").mean == (0.5, 0.5, 0.5)


def test_learning_rate_follows_its_schedule() -> None:
    assert [learning_rate(tiny(), epoch) for epoch in (1, 4)] == [1e-3, 1e-3]
    cosine = [learning_rate(tiny(schedule="cosine"), epoch) for epoch in (1, 2, 3, 4)]
    assert cosine == pytest.approx([1e-3, 0.85355339e-3, 0.5e-3, 0.14644661e-3])


def test_best_epoch_takes_the_first_of_equals_and_no_undefined_one() -> None:
    rows = [{"epoch": n, "val_map_macro": value} for n, value in enumerate([None, 0.5, 0.7, 0.7], 1)]
    assert best_epoch(rows)["epoch"] == 3
    assert best_epoch(rows[:1])["epoch"] == 1


def test_a_dataset_moved_with_its_runs_is_found(
    toy_dataset: Path, make_toy: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_toy(tmp_path / "old", piles=12)
    train(tiny(epochs=1), root, root / "runs/first")
    moved = root.rename(tmp_path / "new")
    assert dataset_of(moved / "runs/first") == moved.resolve()
    (moved / "runs/first").rename(tmp_path / "alone")
    with pytest.raises(BrickbenchError, match=rf"^The dataset {root} of the run {tmp_path}/alone is gone: say where"):
        dataset_of(tmp_path / "alone")


def test_no_pictures_to_validate_on(make_toy: Callable[..., Path], tmp_path: Path) -> None:
    root = make_toy(tmp_path / "one", piles=1)
    with pytest.raises(BrickbenchError, match=r"^The dataset .* has no image in split '(train|val)'"):
        train(tiny(), root, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert len(PileDataset(root, None)) == 1
