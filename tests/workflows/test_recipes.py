"""The recipes of the founding paper's runs: files that parse, and mean what the paper says."""

from pathlib import Path

import pytest
import torch

from blender_assets.catalogue import load_catalogue
from render.floors import FLOORS
from render.lights import LIGHTINGS
from render.settings import RenderSettings
from training.fit.pretrained import packaged_weights
from training.network.models import check_input_size, create_model
from training.run.settings import TrainingSettings, differences

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
FOLDERS = ("paper", "paper_small")
TRAININGS = ("weighted_bce", "plain_bce", "pretrained")


def rendering(folder: str) -> RenderSettings:
    return RenderSettings.load(RECIPES / folder / "render.yaml")


def training(folder: str, name: str) -> TrainingSettings:
    return TrainingSettings.load(RECIPES / folder / f"{name}.yaml")


def test_no_file_is_left_out() -> None:
    for folder in FOLDERS:
        assert {path.stem for path in (RECIPES / folder).iterdir()} == {"render", *TRAININGS}


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_papers_data(folder: str) -> None:
    settings = rendering(folder)
    catalogue = load_catalogue()
    assert len(settings.parts) == len(set(settings.parts)) == 85
    assert all(catalogue[part_id].part_id == part_id for part_id in settings.parts)
    assert len({catalogue[part_id].category for part_id in settings.parts}) > 20
    assert (settings.bricks_min, settings.bricks_max, settings.distractors_max) == (1, 10, 0)
    # Natural and artificial light; floors from plain to patterned.
    assert {name for name, share in settings.lightings.items() if share} == set(LIGHTINGS)
    assert {name for name, share in settings.backgrounds.items() if share} == set(FLOORS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_part_is_another_ones_mirror_image(folder: str) -> None:
    """The recipes mirror pictures, which makes a left wedge a right one."""
    names = {load_catalogue()[part_id].name for part_id in rendering(folder).parts}
    assert [name for name in names if name.replace("right", "left") in names - {name}] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_papers_training(folder: str) -> None:
    settings = training(folder, "weighted_bce")
    assert (settings.model, settings.optimizer, settings.epochs, settings.stages) == ("bricknet", "adam", 40, ())
    assert (settings.loss, settings.positive_weight, settings.label_smoothing) == ("weighted_bce", 22, 0)
    assert (settings.pretrained, settings.weights, settings.patience) == (False, None, None)
    assert (settings.schedule, settings.weight_decay, settings.average_decay) == ("constant", 0, None)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_plain_loss_is_all_that_the_collapse_differs_in(folder: str) -> None:
    found = differences(training(folder, "weighted_bce"), training(folder, "plain_bce"))
    assert found == ["loss: 'weighted_bce' there, 'bce' here"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_pretrained_weights_need_no_hub_and_keep_the_papers_loss(folder: str) -> None:
    settings = training(folder, "pretrained")
    assert settings.pretrained
    assert packaged_weights(settings.model) is not None
    assert (settings.loss, settings.positive_weight) == ("weighted_bce", 22)


def test_the_small_recipes_differ_in_size_alone() -> None:
    large, small = (rendering(folder).model_dump() for folder in FOLDERS)
    assert {name for name in large if large[name] != small[name]} == {"image_size_px", "samples"}
    for name in TRAININGS:
        found = differences(training("paper", name), training("paper_small", name))
        assert {line.split(":")[0] for line in found} <= {"input_size_px", "model_kwargs"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_networks_take_the_pictures_of_their_recipe(folder: str) -> None:
    for name in TRAININGS:
        settings = training(folder, name)
        assert settings.input_size_px == rendering(folder).image_size_px
        with torch.device("meta"):  # shapes alone: no weight is drawn
            model = create_model(settings.model, 85, **settings.model_kwargs)
        check_input_size(model, settings.model, settings.input_size_px, 85)


def test_the_small_bricknet_keeps_the_maps_of_the_large_one() -> None:
    """Stride 2 at 128 px: the fifth convolution sees about 13x13 places, and no average stretches what it found."""
    settings = training("paper_small", "weighted_bce")
    model = create_model("bricknet", 85, **settings.model_kwargs).eval()
    with torch.no_grad():
        features = model.forward_features(torch.zeros(1, 3, settings.input_size_px, settings.input_size_px))
    assert features.shape[-2:] == (6, 6)


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_file_names_its_own_command(folder: str) -> None:
    for name in ("render", *TRAININGS):
        text = (RECIPES / folder / f"{name}.yaml").read_text(encoding="utf-8")
        assert f"run recipes/{folder}/{name}.yaml " in text
