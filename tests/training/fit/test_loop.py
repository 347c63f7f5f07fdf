"""Training runs: they learn, they stop and go on to the same weights, they say what is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import training.fit.loop as loop
import training.fit.losses as losses
from core.errors import BrickbenchError, SettingsError
from dataset.loading.augment import PRESETS
from dataset.pile_dataset import PileDataset
from training.fit.learner import learning_rate
from training.fit.loop import train
from training.fit.losses import weighted_bce_with_logits
from training.run.checkpoint import load_checkpoint
from training.run.history import best_epoch, read_epochs
from training.run.run import Run
from training.run.settings import TrainingSettings
from training.validation.labelled_split import validate
from training.validation.metrics import label_metrics

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
    run = Run.open(trained)
    info = run.info
    assert (info.run_id, info.model, info.classes) == ("whole", "bricknet", ("3003", "3010", "4032"))
    assert Path(info.dataset) == toy_dataset.resolve()
    assert info.settings_digest == tiny().digest()
    assert run.settings == tiny()
    rows = run.epochs
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    named = json.loads((trained / "checkpoints/best.json").read_text())
    best = best_epoch(rows)
    assert named == {
        "checkpoint": f"epoch_{best['epoch']:04d}",
        "metric": "val_map_macro",
        "value": max(row["val_map_macro"] for row in rows),
    }
    kept = {path.stem for path in (trained / "checkpoints").glob("*.safetensors")}
    assert kept == {named["checkpoint"], "epoch_0004"} == set(run.checkpoints)
    assert run.best == named["checkpoint"]


def test_scores_of_the_best_checkpoint_are_those_of_its_epoch(trained: Path, toy_dataset: Path) -> None:
    row = best_epoch(read_epochs(trained))
    result = validate(Run.open(trained, toy_dataset), "val", device="cpu")
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
    "step",
    [
        "save_checkpoint",
        *(
            pytest.param(step, marks=pytest.mark.slow)
            for step in ("require_number", "validate_epoch", "save_resume", "publish")
        ),
    ],
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
            dies = calls == (5 if step == "require_number" else 3 if step == "publish" else 2)
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
    monkeypatch.delattr(loop, "train_epoch")
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
    original = losses.weighted_bce_with_logits
    calls = 0

    def sometimes(*args: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return original(*args) * (bad if calls == 6 else 1)  # 3 batches and a validation an epoch

    monkeypatch.setattr(losses, "weighted_bce_with_logits", sometimes)
    run = tmp_path / "run"
    told = rf"loss became {bad} in epoch 2, batch 2 \(checkpoint epoch_0001 is kept\).*learning_rate below 0\.001"
    with pytest.raises(BrickbenchError, match=told):
        train(tiny(), toy_dataset, run)
    assert load_checkpoint(run).epoch == 1
    assert len(read_epochs(run)) == 1


def test_weights_that_blow_up_are_not_kept(toy_dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(BrickbenchError, match=r"^The loss became \w+ in .* \(no epoch had ended\): train in another"):
        train(tiny(learning_rate=1e30), toy_dataset, tmp_path / "run")
    assert not list((tmp_path / "run").glob("checkpoints/*"))


def test_damaged_state_is_named(toy_dataset: Path, tmp_path: Path) -> None:
    def interrupt(row: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(tiny(), toy_dataset, run, after_epoch=interrupt)
    state = run / "checkpoints/resume.pt"
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(BrickbenchError, match=rf"^{state} is damaged, so the run cannot go on .*delete that file"):
        train(tiny(), toy_dataset, run)
    assert load_checkpoint(run).epoch == 1
    state.unlink()
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        train(tiny(), toy_dataset, run, after_epoch=interrupt, say=said.append)
    assert said == [f"{run} has no resume.pt to go on from, so it is trained again from the first epoch."]


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
    known = validate(Run.open(tmp_path / "run", toy_dataset), "train", "last")
    assert label_metrics(known.logits, known.targets).map_macro > 0.9
    assert len(list((tmp_path / "run/checkpoints").glob("*.safetensors"))) == 20


def test_any_timm_network_trains(toy_dataset: Path, tmp_path: Path) -> None:
    history = train(tiny(model="test_convnext", model_kwargs={}, epochs=1), toy_dataset, tmp_path / "run")
    assert len(history) == 1
    assert load_checkpoint(tmp_path / "run").mean == (0.5, 0.5, 0.5)


def test_learning_rate_follows_its_schedule() -> None:
    assert [learning_rate(tiny(), at) for at in (0, 3)] == [1e-3, 1e-3]
    cosine = [learning_rate(tiny(schedule="cosine"), at) for at in (0, 1, 2, 3)]
    assert cosine == pytest.approx([1e-3, 0.85355339e-3, 0.5e-3, 0.14644661e-3])
    warm = [learning_rate(tiny(warmup_epochs=2), at, 0.5) for at in (0, 0.5, 1, 1.5, 2)]
    assert warm == pytest.approx([0.25e-3, 0.5e-3, 0.75e-3, 1e-3, 1e-3])
    both = [learning_rate(tiny(warmup_epochs=2, schedule="cosine"), at, 0.5) for at in (1.5, 2, 3)]
    assert both == pytest.approx([1e-3, 1e-3, 0.5e-3])


def test_best_epoch_takes_the_first_of_equals_and_no_undefined_one() -> None:
    rows = [{"epoch": n, "val_map_macro": value} for n, value in enumerate([None, 0.5, 0.7, 0.7], 1)]
    assert best_epoch(rows)["epoch"] == 3
    assert best_epoch(rows[:1])["epoch"] == 1


def test_no_pictures_to_validate_on(make_toy: Callable[..., Path], tmp_path: Path) -> None:
    root = make_toy(tmp_path / "one", piles=1)
    with pytest.raises(BrickbenchError, match=r"^The dataset .* has no image in split '(train|val)'"):
        train(tiny(), root, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert len(PileDataset(root, None)) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"loss": "asymmetric", "accumulate": 2, "clip_norm": 0.5, "optimizer": "adamw", "weight_decay": 0.01},
        {"average_decay": 0.9, "schedule": "cosine", "warmup_epochs": 1.5, "precision": "bfloat16"},
        {"stages": [{"epochs": 1, "augment_renders": "none"}, {"epochs": 3, "learning_rate": 1e-4}]},
    ],
    ids=["steps", "average", "stages"],
)
def test_every_recipe_goes_on_to_the_same_weights(toy_dataset: Path, tmp_path: Path, more: dict[str, Any]) -> None:
    settings = tiny(**more)
    whole, broken = tmp_path / "one" / "run", tmp_path / "two" / "run"
    train(settings, toy_dataset, whole, device="cpu")

    def interrupt(row: dict[str, Any]) -> None:
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(settings, toy_dataset, broken, device="cpu", after_epoch=interrupt)
    train(settings, toy_dataset, broken, device="cpu")
    assert_same_end(broken, whole)


def test_two_halves_accumulated_step_like_one_whole(toy_dataset: Path, tmp_path: Path) -> None:
    """Without batch statistics and dropout, the mean of two gradients of half a batch is that of the batch."""
    plain = {"model": "test_convnext", "model_kwargs": {}, "epochs": 1, "augment_renders": "none", "optimizer": "adam"}
    root = toy_dataset
    count = len(PileDataset(root, "train"))
    train(tiny(**plain, batch_size=count), root, tmp_path / "whole", device="cpu")
    train(tiny(**plain, batch_size=-(-count // 2), accumulate=2), root, tmp_path / "halves", device="cpu")
    whole, halves = weights(tmp_path / "whole", 1), weights(tmp_path / "halves", 1)
    one_more = count % 2 == 1  # then one half has a picture more, whose gradient weighs a little less
    near = {"rtol": 0.2, "atol": 2e-3} if one_more else {"rtol": 1e-4, "atol": 1e-5}
    for name in whole:
        torch.testing.assert_close(halves[name], whole[name], **near)


def test_the_average_of_the_weights_is_what_is_kept(toy_dataset: Path, tmp_path: Path) -> None:
    train(tiny(epochs=1), toy_dataset, tmp_path / "plain", device="cpu")
    train(tiny(epochs=1, average_decay=0.5), toy_dataset, tmp_path / "average", device="cpu")
    plain, average = weights(tmp_path / "plain", 1), weights(tmp_path / "average", 1)
    assert plain.keys() == average.keys()
    assert not torch.equal(plain["conv2.weight"], average["conv2.weight"])
    state = torch.load(tmp_path / "average/checkpoints/resume.pt", weights_only=True)
    torch.testing.assert_close(state["model"]["conv2.weight"].contiguous(), plain["conv2.weight"])
    assert load_checkpoint(tmp_path / "average").epoch == 1


def test_patience_ends_a_run_that_does_not_get_better(
    toy_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.5, 0.6, 0.6, 0.55, 0.9])
    original = loop.validate_epoch

    def judged(*args: Any) -> dict[str, float]:
        return original(*args) | {"map_macro": next(scores)}

    monkeypatch.setattr(loop, "validate_epoch", judged)
    history = train(tiny(epochs=9, patience=2), toy_dataset, tmp_path / "run", device="cpu")
    assert [row["val_map_macro"] for row in history] == [0.5, 0.6, 0.6, 0.55]
    assert train(tiny(epochs=9, patience=2), toy_dataset, tmp_path / "run", device="cpu") == history


def test_stages_change_pictures_and_learning_rate(make_toy: Callable[..., Path], tmp_path: Path) -> None:
    stages = [{"epochs": 1, "learning_rate": 1e-3}, {"epochs": 2, "learning_rate": 1e-4, "augment_renders": "none"}]
    settings = TrainingSettings.parse(
        {name: value for name, value in TINY.items() if name != "epochs"} | {"stages": stages, "schedule": "cosine"}
    )
    assert settings.total_epochs == 3
    assert [settings.stage_at(epoch)[1] for epoch in (1, 2, 3)] == [0, 1, 1]
    assert settings.stage_at(2)[0].augment_renders == PRESETS["none"]
    history = train(settings, make_toy(tmp_path / "toy", piles=20), tmp_path / "run", device="cpu")
    assert [row["learning_rate"] for row in history] == pytest.approx([1e-3, 1e-4, 0.5e-4])


@pytest.mark.slow
def test_renders_then_a_mix_then_photos(with_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One settings file; stopped between its stages, it comes to the same weights."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "model: test_convnext\ninput_size_px: 32\nbatch_size: 8\nlearning_rate: 0.001\nschedule: cosine\n"
        "average_decay: 0.9\npositive_weight: per_class\nstages:\n- {epochs: 1, sources: [synthetic]}\n"
        "- {epochs: 2, photo_share: 0.5, augment_renders: renders}\n- {epochs: 1, sources: [real]}\n"
    )
    settings = TrainingSettings.load(recipe)
    shares: list[float] = []
    original = loop.train_epoch

    def watched(learner: Any, pictures: Any, stage: Any, epoch: int, *rest: Any) -> float:
        keys = [key for batch in pictures._plan.whole_batches(epoch) for key in batch]
        shares.append(sum(bool(pictures.samples._is_real[key.picture]) for key in keys) / len(keys))
        return original(learner, pictures, stage, epoch, *rest)

    monkeypatch.setattr(loop, "train_epoch", watched)
    whole, broken = tmp_path / "one" / "run", tmp_path / "two" / "run"
    history = train(settings, with_photos, whole, device="cpu")
    assert shares == [0.0, 17 / 33, 17 / 33, 1.0]  # of 33 pictures an epoch
    assert [row["learning_rate"] for row in history] == pytest.approx([1e-3, 1e-3, 0.5e-3, 1e-3])

    def interrupt(row: dict[str, Any]) -> None:
        if row["epoch"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(settings, with_photos, broken, device="cpu", after_epoch=interrupt)
    train(settings, with_photos, broken, device="cpu")
    assert_same_end(broken, whole)


@pytest.mark.slow
def test_two_processes_learn_what_one_does(toy_dataset: Path, tmp_path: Path) -> None:
    settings = {"model": "test_convnext", "model_kwargs": {}, "input_size_px": 64, "epochs": 2, "batch_size": 8}
    train(TrainingSettings.parse(settings | {"learning_rate": 1e-3}), toy_dataset, tmp_path / "one", device="cpu")
    TrainingSettings.parse(settings | {"learning_rate": 1e-3}).save(tmp_path / "settings.yaml")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    command += [str(Path(sys.executable).parent / "brickbench"), "train", "run", str(tmp_path / "settings.yaml")]
    command += ["-d", str(toy_dataset), "-o", str(tmp_path / "two"), "--device", "cpu"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    one, two = read_epochs(tmp_path / "one"), read_epochs(tmp_path / "two")
    for mine, theirs in zip(one, two, strict=True):
        assert theirs["train_loss"] == pytest.approx(mine["train_loss"], rel=1e-4)
        assert theirs["val_map_macro"] == pytest.approx(mine["val_map_macro"], abs=1e-3)
    first, second = weights(tmp_path / "one", 2), weights(tmp_path / "two", 2)
    for name in first:
        torch.testing.assert_close(second[name], first[name], rtol=1e-3, atol=1e-4)
