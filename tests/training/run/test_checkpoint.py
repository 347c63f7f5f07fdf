"""Checkpoints: enough on their own, and clear about what is wrong with them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import BrickbenchError, SettingsError
from dataset.loading.randomness import seeded_torch
from training.network.models import create_model
from training.run.checkpoint import (
    CheckpointInfo,
    choose_checkpoint,
    load_checkpoint,
    resolve_checkpoint,
    save_checkpoint,
)
from training.run.history import BEST_BY, write_epochs


def make_run(run: Path, width: float = 0.05, epochs: tuple[int, ...] = (1, 2), best: int = 1) -> Path:
    for epoch in epochs:
        with seeded_torch(epoch):
            model = create_model("bricknet", 3, width=width)
        info = CheckpointInfo(
            model="bricknet",
            model_kwargs={"width": width},
            classes=("3003", "3010", "4032"),
            input_size_px=64,
            mean=(0.5, 0.5, 0.5),
            std=(0.2, 0.2, 0.2),
            epoch=epoch,
            run_id=run.name,
            metrics={"val_map_macro": None},
        )
        save_checkpoint(run, model, info)
    (run / "checkpoints/best.json").write_text(json.dumps({"checkpoint": f"epoch_{best:04d}"}))
    return run


def test_weights_and_their_json_are_enough(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run") / "checkpoints/epoch_0002.safetensors"
    for suffix in (".safetensors", ".json"):
        shutil.copy(path.with_suffix(suffix), tmp_path / f"alone{suffix}")
    loaded = load_checkpoint(tmp_path / "alone.safetensors")
    with seeded_torch(2):
        model = create_model("bricknet", 3, width=0.05).eval()
    image = np.random.default_rng(0).integers(0, 256, (70, 50, 3), dtype=np.uint8)
    images = loaded.network_input(image)[None]
    assert images.shape == (1, 3, 64, 64)
    assert torch.equal(loaded.model(images), model(images))
    assert not loaded.model.training
    assert (loaded.epoch, loaded.name, loaded.run_id, loaded.classes[2]) == (2, "alone", "run", "4032")


def test_checkpoints_of_a_run_by_name(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    assert [load_checkpoint(run, name).name for name in ("best", "last", "epoch_0002")] == [
        "epoch_0001",
        "epoch_0002",
        "epoch_0002",
    ]
    with pytest.raises(
        SettingsError,
        match=rf"^{run} has no checkpoint 'epoch_002' \(did you mean 'epoch_0002'\?\); it has best, last, epoch_0001, ",
    ):
        load_checkpoint(run, "epoch_002")


def test_the_best_is_told_by_the_epochs_where_best_json_is_lost(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", epochs=(1, 2, 3), best=2)
    write_epochs(run, [{"epoch": number, BEST_BY: score} for number, score in ((1, 0.1), (2, 0.9), (3, 0.5))])
    named = run / "checkpoints/best.json"
    for damage in ("{", "[]", '{"metric": 1}'):
        named.write_text(damage)
        assert resolve_checkpoint(run).stem == "epoch_0002"
    named.unlink()
    assert resolve_checkpoint(run).stem == "epoch_0002"
    assert choose_checkpoint(run, "best", ["epoch_0002", "epoch_0003"]) == "epoch_0002"
    assert choose_checkpoint(run, None, ["epoch_0002", "epoch_0003"]) == "epoch_0002"
    (run / "epochs.jsonl").unlink()
    with pytest.raises(SettingsError, match=r"does not say which checkpoint is the best: .*it has last, epoch_0001, "):
        resolve_checkpoint(run)
    assert resolve_checkpoint(run, "last").stem == "epoch_0003"
    assert choose_checkpoint(run, None, ["epoch_0001", "epoch_0002"]) == "epoch_0002"  # the last


def test_best_weights_that_are_lost_are_named_and_never_replaced_by_others(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", best=1)
    (run / "checkpoints/epoch_0001.safetensors").unlink()
    with pytest.raises(SettingsError) as caught:
        load_checkpoint(run)
    assert str(caught.value) == (
        f"{run} has no checkpoint 'epoch_0001', the best by mAP on val; it has last, epoch_0002."
    )
    assert choose_checkpoint(run, None, ["epoch_0002"], "scored maps of") == "epoch_0002"
    with pytest.raises(SettingsError, match="has no scored maps of 'epoch_0001', the best by mAP on val; it has last"):
        choose_checkpoint(run, "best", ["epoch_0002"], "scored maps of")


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(BrickbenchError, match=rf"^{tmp_path} has no checkpoint yet: train it with `"):
        load_checkpoint(tmp_path)
    with pytest.raises(BrickbenchError, match=rf"^There is no checkpoint {tmp_path}/x\.safetensors: check the path\.$"):
        load_checkpoint(tmp_path / "x.safetensors")
    path = make_run(tmp_path / "run") / "checkpoints/epoch_0001.safetensors"
    path.with_suffix(".json").unlink()
    with pytest.raises(BrickbenchError, match=r"epoch_0001\.json is missing: keep it beside the weights"):
        load_checkpoint(path)


@pytest.mark.parametrize("content", [b"", b"garbage" * 100, "half"])
def test_damaged_weights(tmp_path: Path, content: bytes | str) -> None:
    path = make_run(tmp_path / "run") / "checkpoints/epoch_0001.safetensors"
    path.write_bytes(content if isinstance(content, bytes) else path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BrickbenchError, match=rf"^The checkpoint {path} is damaged \(.*\): use another one"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"^The file .*epoch_0001\.json cannot be read \(.*\): use another checkpoint\.$"),
        ("[]", r"^The file .*epoch_0001\.json cannot be read \(it holds a list\): use another checkpoint\.$"),
        ("{}", r"^In .*epoch_0001\.json: model = {}: field required"),
    ],
)
def test_damaged_json(tmp_path: Path, text: str, message: str) -> None:
    path = make_run(tmp_path / "run") / "checkpoints/epoch_0001.safetensors"
    path.with_suffix(".json").write_text(text)
    with pytest.raises(BrickbenchError, match=message):
        load_checkpoint(path)


def test_weights_of_another_network(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run") / "checkpoints/epoch_0001.safetensors"
    wide = make_run(tmp_path / "wide", width=0.1) / "checkpoints/epoch_0001.safetensors"
    shutil.copy(wide, path)
    shapes = r"tensor 'conv1.weight' has shape \(10, 3, 11, 11\), the network's has \(5, 3, 11, 11\)"
    with pytest.raises(BrickbenchError, match=rf"another network than bricknet .*{shapes}.*Put its own \.json beside"):
        load_checkpoint(path)
    info = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(info | {"model": "test_resnet", "model_kwargs": {}}))
    with pytest.raises(
        BrickbenchError, match=r"another network than test_resnet .*: tensor 'conv1.0.weight' is missing"
    ):
        load_checkpoint(path)
    path.with_suffix(".json").write_text(json.dumps(info | {"model": "nonet"}))
    with pytest.raises(SettingsError, match=r"^Unknown model 'nonet'"):
        load_checkpoint(path)
