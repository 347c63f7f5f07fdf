"""What users get wrong, through the command line, and what they are told: the reason and the way out."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from click.testing import CliRunner, Result
from safetensors.torch import load_file, save_file

from core.errors import BrickbenchError, SettingsError
from core.locks import sole_writer
from dataset.database import open_index
from dataset.index import update_index
from dataset.manifest import Manifest, PartInfo
from training.commands import train
from training.fit import loop
from training.fit.loop import train as train_network
from training.fit.pretrained import load_weights
from training.network.models import create_model
from training.run.checkpoint import load_checkpoint
from training.run.history import read_epochs
from training.run.settings import TrainingSettings

TINY = {"model_kwargs": {"width": 0.05, "stem_stride": 2}, "input_size_px": 64, "epochs": 2, "batch_size": 8}
PLATE = PartInfo(part_id="3020", name="Plate 2 x 4", category="plate")


def invoke(*words: object) -> Result:
    return CliRunner().invoke(train, [*map(str, words), "--device", "cpu"])


def refused(*words: object) -> str:
    """Return the sentence with which a command ends."""
    done = invoke(*words)
    assert isinstance(done.exception, BrickbenchError), done.output
    return str(done.exception)


def tells(sentence: str, *words: str) -> bool:
    """Whether `sentence` has all of `words`, in their order."""
    return re.search(".*".join(map(re.escape, words)), sentence) is not None


def with_parts(root: Path, change: Callable[[tuple[PartInfo, ...]], tuple[PartInfo, ...]]) -> Path:
    """Change the list of parts of a dataset, as an import does that names new ones."""
    manifest = Manifest.load_folder(root)
    manifest.model_copy(update={"parts": change(manifest.parts)}).save_folder(root)
    update_index(root)
    return root


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return path


@pytest.fixture
def grown(own_trained: Path) -> Path:
    """Return a dataset that got a part after a run was trained on it."""
    return with_parts(own_trained, lambda parts: (*parts, PLATE))


def test_a_dataset_that_got_more_parts_still_serves(own_trained: Path) -> None:
    run = own_trained / "runs/toy"
    before = invoke("validate", run, "--split", "test", "--json", "--resamples", 10)
    with_parts(own_trained, lambda parts: (*parts, PLATE))
    after = invoke("validate", run, "--split", "test", "--json", "--resamples", 10)
    assert after.stdout == before.stdout
    sentence = (
        f"The checkpoint toy/epoch_0001 does not know 3020 of {own_trained}: only the parts that it knows count.\n"
    )
    assert sentence in after.stderr
    assert sentence not in before.stderr
    predicted = invoke("predict", run, "--split", "test")
    assert predicted.exit_code == 0, predicted.output
    assert sentence in predicted.stderr
    with open_index(own_trained) as index:
        known = index.execute("SELECT DISTINCT part_id FROM predictions ORDER BY 1").fetchall()
    assert known == [("3003",), ("3010",), ("4032",)]


@pytest.mark.parametrize("command", ["validate", "predict"])
def test_a_dataset_without_a_part_is_refused(own_trained: Path, make_toy: Any, tmp_path: Path, command: str) -> None:
    other = make_toy(tmp_path / "other", piles=12)
    manifest = Manifest.load_folder(other)
    manifest.model_copy(update={"parts": (*manifest.parts[:2], PLATE)}).save_folder(other)
    told = refused(command, own_trained / "runs/toy", "-d", other)
    assert tells(told, "toy/epoch_0001", str(other), "the dataset alone has 3020; the checkpoint alone has 4032")
    assert tells(told, "Use a dataset that has all parts", "`--weights`")


def test_a_run_does_not_go_on_with_other_parts(grown: Path) -> None:
    run = grown / "runs/toy"
    told = refused("resume", run)
    assert tells(told, f"{run}", "other parts", f"{grown.resolve()} (the dataset alone has 3020)")
    assert tells(told, "another folder with -o", f"--weights {run}/checkpoints/CHECKPOINT.safetensors")


def test_weights_of_a_checkpoint_come_part_by_part(grown: Path, settings: Path, tmp_path: Path) -> None:
    with_parts(grown, lambda parts: (parts[3], parts[2], parts[0], parts[1]))
    weights = grown / "runs/toy/checkpoints/epoch_0001.safetensors"
    done = invoke("run", settings, "-d", grown, "-o", tmp_path / "new", "--weights", weights, "--track", "none")
    assert done.exit_code == 0, done.output
    count = len(load_file(weights))
    assert (
        f"bricknet: {count} tensors from {weights}, matched by name; it knows 3 of the 4 parts, untrained start 3020.\n"
    ) in done.stderr
    model = create_model("bricknet", 3, width=0.05, stem_stride=2)
    fresh = model.state_dict()["dense3.weight"].clone()
    match = load_weights(model, weights, ("3020", "4032", "3010"))
    assert str(match.parts) == "it knows 2 of the 3 parts, untrained start 3020, left out are 3003"
    taken, given = model.state_dict()["dense3.weight"], load_file(weights)["dense3.weight"]
    assert torch.equal(taken, torch.stack([fresh[0], given[2], given[1]]))
    whole = load_weights(model, weights, ("3003", "3010", "4032"))
    assert str(whole) == f"{count} tensors from {weights}, matched by name; it knows all 3 parts."


def test_weights_that_are_none(own_trained: Path, settings: Path, tmp_path: Path) -> None:
    words = ("run", settings, "-d", own_trained, "-o", tmp_path / "run", "--track", "none", "--weights")
    (tmp_path / "notes.txt").write_text("no weights")
    assert tells(refused(*words, tmp_path / "notes.txt"), "notes.txt cannot be read as weights", "give another file")
    save_file(create_model("test_resnet", 3).state_dict(), tmp_path / "other.safetensors")
    told = refused(*words, tmp_path / "other.safetensors")
    assert tells(told, "other.safetensors", "another network: tensor 'conv1.weight' is missing", "leave `weights` out")
    wide = create_model("bricknet", 3, width=0.1, stem_stride=2).state_dict()
    save_file({name: tensor.contiguous() for name, tensor in wide.items()}, tmp_path / "wide.safetensors")
    told = refused(*words, tmp_path / "wide.safetensors")
    assert tells(
        told, "'conv1.weight' has shape (10, 3, 11, 11), the network's has (5, 3, 11, 11)", "belongs to `model`"
    )
    assert not (tmp_path / "run").exists()


def test_a_part_that_no_picture_shows_is_told(grown: Path, settings: Path, tmp_path: Path) -> None:
    done = invoke("run", settings, "-d", grown, "-o", tmp_path / "run", "--track", "none")
    assert done.exit_code == 0, done.output
    assert "No train picture shows 3020, so the network cannot learn it.\n" in done.stderr
    assert "No val picture shows 3020, so mAP on val leaves it out.\n" in done.stderr
    assert "picture shows" not in invoke("resume", tmp_path / "run", "-d", grown, "--track", "none").stderr
    per_class = tmp_path / "per_class.yaml"
    per_class.write_text(yaml.safe_dump(TINY | {"positive_weight": "per_class"}))
    told = refused("run", per_class, "-d", grown, "-o", tmp_path / "other")
    assert tells(told, "No training picture shows 3020", "per_class", "give positive_weight as one number")


@pytest.mark.parametrize(
    ("stage", "problem"),
    [
        ({"sources": ["real"]}, "The dataset {root} has no photo in split 'train' ("),
        ({"photo_share": 0.5}, "photo_share 0.5 asks for photos, and there is none among the "),
    ],
    ids=["photos", "share"],
)
def test_a_stage_without_pictures_is_refused_at_once(
    own_trained: Path, tmp_path: Path, stage: dict[str, Any], problem: str
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(TINY | {"stages": [{"epochs": 1}, {"epochs": 1} | stage]}))
    told = refused("run", recipe, "-d", own_trained, "-o", tmp_path / "run")
    assert told.startswith(problem.format(root=own_trained))
    assert not (tmp_path / "run").exists()


class Hungry(torch.nn.Module):
    """A network that has memory for so many pictures."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room, self.weight = room, torch.nn.Parameter(torch.zeros(1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if len(images) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return images.mean(dim=(1, 2, 3))[:, None].expand(-1, 3) * self.weight


@pytest.mark.parametrize(
    ("room", "rest"),
    [
        (
            3,
            "; 2 fits: train in another folder with batch_size 2 and accumulate 4, which takes steps of that size.",
        ),
        (1, ", nor does one of 2: choose a smaller input_size_px, a smaller model, or precision bfloat16."),
    ],
)
def test_a_full_gpu_is_told_with_the_batch_size_that_fits(
    own_trained: Path, settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, rest: str
) -> None:
    monkeypatch.setattr(loop, "create_model", lambda *_, **__: Hungry(room))
    assert refused("run", settings, "-d", own_trained, "-o", tmp_path / "run", "--track", "none") == (
        "A batch_size of 8 at 64 px does not fit in the GPU's memory" + rest
    )


@pytest.mark.slow
def test_more_epochs_end_where_a_longer_run_ends(own_trained: Path, tmp_path: Path) -> None:
    short, long = tmp_path / "a/run", tmp_path / "b/run"
    train_network(TrainingSettings.parse(TINY), own_trained, short, device="cpu")
    train_network(TrainingSettings.parse(TINY | {"epochs": 4}), own_trained, long, device="cpu")
    again = refused("run", "-d", own_trained, "-o", short, "--epochs", 4, tmp_settings(tmp_path))
    assert tells(again, f"{short}", "(epochs: 2 there, 4 here)", "-o", f"`brickbench train resume {short} --epochs 4`")
    done = invoke("resume", short, "-d", own_trained, "--epochs", 4)
    assert done.exit_code == 0, done.output
    assert [row | {"seconds": 0} for row in read_epochs(short)] == [row | {"seconds": 0} for row in read_epochs(long)]
    one, other = (load_file(run / "checkpoints/epoch_0004.safetensors") for run in (short, long))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert (short / "settings.yaml").read_text() == (long / "settings.yaml").read_text()
    digests = [yaml.safe_load((run / "run.yaml").read_text())["settings_digest"] for run in (short, long)]
    assert digests[0] == digests[1]


def test_two_processes_do_not_train_in_one_folder(own_trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = own_trained / "runs" / "toy"
    monkeypatch.setattr(loop, "LOCK_WAIT_S", 0.0)
    with sole_writer(run):
        busy = invoke("resume", run, "-d", own_trained, "--epochs", 2)
    assert isinstance(busy.exception, BrickbenchError)
    assert str(busy.exception) == (
        f"Another process is training in {run}. Wait until it is done, or train in another folder."
    )
    assert len(read_epochs(run)) == 1
    assert invoke("resume", run, "-d", own_trained, "--epochs", 2).exit_code == 0
    assert len(read_epochs(run)) == 2


def tmp_settings(folder: Path) -> Path:
    path = folder / "same.yaml"
    path.write_text(yaml.safe_dump({name: value for name, value in TINY.items() if name != "epochs"}))
    return path


@pytest.mark.parametrize(
    ("more", "epochs", "problem"),
    [
        (
            {"schedule": "cosine"}, 3,
            "cosine schedule, which ends with epoch 2",
        ),
        (
            {"stages": [{"epochs": 2}]}, 3,
            "has stages",
        ),
        ({}, 1, "2 epochs already"),
        (
            {"patience": 1, "epochs": 9}, 10,
            "ended after 2 epochs, since 1 brought nothing better",
        ),
    ],
    ids=["cosine", "stages", "fewer", "patience"],
)  # fmt: skip
def test_runs_that_cannot_be_longer(
    own_trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], epochs: int, problem: str
) -> None:
    run = tmp_path / "run"
    if "patience" in more:
        original, scores = loop.validate_epoch, iter([0.6, 0.5])
        monkeypatch.setattr(loop, "validate_epoch", lambda *args: original(*args) | {"map_macro": next(scores)})
    train_network(TrainingSettings.parse(TINY | more), own_trained, run, device="cpu")
    before = (run / "settings.yaml").read_text()
    way_out = f"--weights {run}/checkpoints/CHECKPOINT.safetensors"
    told = refused("resume", run, "-d", own_trained, "--epochs", epochs)
    assert tells(told, f"{run}", problem, way_out if problem != "2 epochs already" else "as many or more")
    assert (run / "settings.yaml").read_text() == before


def test_the_state_may_be_deleted_when_a_run_is_over(own_trained: Path) -> None:
    run = own_trained / "runs/toy"
    (run / "checkpoints/resume.pt").unlink()
    before = {path: path.read_bytes() for path in run.rglob("*.safetensors")}
    done = invoke("resume", run, "--track", "none")
    assert done.exit_code == 0, done.output
    assert {path: path.read_bytes() for path in run.rglob("*.safetensors")} == before
    told = refused("resume", run, "--epochs", 2)
    assert tells(told, "no checkpoints/resume.pt", f"--weights {run}/checkpoints/CHECKPOINT.safetensors")


def test_predictions_of_another_dataset_lie_beside_those_of_the_own(
    own_trained: Path, make_toy: Any, tmp_path: Path
) -> None:
    run, other = own_trained / "runs/toy", make_toy(tmp_path / "kitchen", piles=30, seed=5)
    assert invoke("predict", run).exit_code == 0
    own = (run / "predictions/epoch_0001-test.parquet").read_bytes()
    done = invoke("predict", run, "-d", other)
    assert done.stdout.strip() == str(run / "predictions/epoch_0001-test-of-kitchen.parquet")
    assert (run / "predictions/epoch_0001-test.parquet").read_bytes() == own


def test_a_checkpoint_alone_names_the_bricks_in_a_photo(own_trained: Path, tmp_path: Path) -> None:
    """Copied elsewhere, with its dataset and run deleted: names and thresholds are in its JSON."""
    run = own_trained / "runs/toy"
    photo = Path(shutil.copy(next(own_trained.glob("shards/*/images/*.png")), tmp_path / "photo.png"))
    chosen = invoke("validate", run, "--choose-thresholds", "--resamples", 10)
    assert chosen.exit_code == 0, chosen.output
    before = invoke("predict", run, photo, "--json")
    for suffix in (".safetensors", ".json"):
        shutil.copy(run / f"checkpoints/epoch_0001{suffix}", tmp_path / f"mine{suffix}")
    shutil.rmtree(own_trained)
    alone = invoke("predict", tmp_path / "mine.safetensors", photo, "--json")
    assert alone.exit_code == 0, alone.output
    assert alone.stdout == before.stdout
    assert '"threshold": 0.5,' not in alone.stdout
    everything = invoke("predict", tmp_path / "mine.safetensors", photo, "--min-probability", 0)
    assert "Plate 2 x 2 Round" in everything.stdout


def test_thresholds_of_other_parts_are_refused(own_trained: Path) -> None:
    path = own_trained / "runs/toy/checkpoints/epoch_0001.json"
    text = path.read_text().replace(
        '"thresholds": null', '"thresholds": {"split": "val", "pictures": 3, "logits": [1]}'
    )
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_checkpoint(path.with_suffix(".safetensors"))
    assert str(caught.value) == f"In {path}: thresholds should hold one for each of 3 classes, not 1."
