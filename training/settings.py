"""What decides a training run: one frozen, validated model, saved beside what it made."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from core.settings import Settings
from dataset.loading.settings import SPEED_ONLY, LoadingSettings

IRRELEVANT_TO_RESULT = SPEED_ONLY | {"keep"}
"""Fields that change speed or what stays on disk, never the weights: a run may go on with others."""


class TrainingSettings(LoadingSettings):
    """Everything that decides the weights of a run, besides the dataset: how pictures come, and who learns."""

    model: str = "bricknet"
    """Network: 'bricknet' (the paper's) or any name that timm knows."""

    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of the network, such as ``width: 0.5`` for bricknet."""

    epochs: int = Field(default=40, ge=1)
    """Passes over the training pictures. The paper trained for 40."""

    learning_rate: float = Field(default=3e-4, gt=0)
    """Step size of Adam. The paper gives none. Measured with bricknet on a few hundred pictures of flat shapes: of
    3e-5, 1e-4 and 3e-4 the last learned fastest, and Adam's usual 1e-3 stayed at chance for its 12 epochs."""

    schedule: Literal["constant", "cosine"] = "constant"
    """Learning rate over the epochs: constant as in the paper, or half a cosine towards 0."""

    weight_decay: float = Field(default=0.0, ge=0)
    """L2 penalty of Adam, 0 as in the paper."""

    positive_weight: float = Field(default=22.0, gt=0)
    """How much more a missed brick costs than an invented one. 22 in the paper's final run, 16 in its figure."""

    keep: Literal["best_and_last", "all"] = "best_and_last"
    """Which epochs' checkpoints stay on disk; bricknet at full width takes 240 MB each."""

    @model_validator(mode="after")
    def _model_is_named(self) -> Self:
        if not self.model.strip():
            raise ValueError("model is empty; give 'bricknet' or the name of a timm model")
        return self


def differences(first: Settings, second: Settings) -> list[str]:
    """Return ``name: value in first, value in second`` for every field of the result in which the two differ."""
    one, other = first.model_dump(mode="json"), second.model_dump(mode="json")
    return [
        f"{name}: {one[name]!r} there, {other[name]!r} here"
        for name in one
        if name not in IRRELEVANT_TO_RESULT and one[name] != other.get(name)
    ]
