"""Settings of training: validated, documented, compared."""

import re
from pathlib import Path

import pytest
import torch
import yaml

from core.errors import SettingsError
from dataset.loading.augment import PRESETS
from training.network.devices import choose_device
from training.run.settings import TrainingSettings, differences


def test_defaults_are_the_papers_where_it_gives_them() -> None:
    settings = TrainingSettings()
    assert (settings.model, settings.epochs, settings.positive_weight, settings.schedule) == (
        "bricknet",
        40,
        22,
        "constant",
    )


def test_every_field_has_a_reason() -> None:
    assert [name for name, field in TrainingSettings.model_fields.items() if len(field.description or "") < 20] == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rate": 0}, "learning_rate = 0: input should be greater than 0"),
        ({"epochs": 0}, "epochs = 0: input should be greater than or equal to 1"),
        (
            {"augment_renders": {"zooom": 2}},
            r"unknown setting 'augment_renders.zooom' \(did you mean 'zoom'\?\); known are blur, brightness",
        ),
        ({"learningrate": 1}, r"unknown setting 'learningrate' \(did you mean 'learning_rate'\?\)"),
        ({"model": " "}, "model is empty; give 'bricknet' or the name of a timm model"),
        ({"schedule": "step"}, "schedule = 'step': input should be 'constant' or 'cosine'"),
    ],
)
def test_mistakes(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        TrainingSettings.parse(values)


def test_differences_leave_out_what_changes_no_weight() -> None:
    first = TrainingSettings()
    assert differences(first, TrainingSettings(workers=4, cache_mb=0, keep="all")) == []
    assert differences(first, TrainingSettings(seed=1, workers=4)) == ["seed: 0 there, 1 here"]


def test_devices() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(SettingsError, match="'gpu0': give auto, cpu, cuda"):
        choose_device("gpu0")
    with pytest.raises(SettingsError, match="no device 'cuda:99'"):
        choose_device("cuda:99")
    with pytest.raises(SettingsError, match="no device 'meta'"):
        choose_device("meta")


def test_the_recipe_in_the_docs_is_read_as_it_stands() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "training.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    settings = TrainingSettings.parse(yaml.safe_load(recipe))
    assert [settings.stage_at(epoch)[1] for epoch in (1, 10, 11, 16, 17, 20)] == [0, 0, 10, 10, 16, 16]
    renders, mix, photos = (settings.stage_at(epoch)[0] for epoch in (1, 11, 17))
    assert (renders.sources, renders.photo_share, renders.learning_rate) == (("synthetic",), None, 3e-4)
    assert (mix.sources, mix.photo_share, mix.learning_rate) == (("synthetic", "real"), 0.5, 1e-4)
    assert (photos.sources, photos.photo_share, photos.learning_rate) == (("real",), None, 3e-5)
    assert settings.augment_renders == PRESETS["renders"]
    again = TrainingSettings.parse(settings.model_dump(mode="json"))
    assert (settings.epochs, again) == (20, settings)
