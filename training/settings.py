"""What decides a training run: one frozen, validated model, saved beside what it made."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from core.settings import Settings

IRRELEVANT_TO_RESULT = frozenset({"workers", "cache_mb", "keep"})
"""Fields that change speed or what stays on disk, never the weights: a run may go on with others."""


class AugmentSettings(Settings):
    """How training pictures are varied; every default is gentle enough that the labels stay true."""

    enabled: bool = True
    """False feeds every picture as it is. On by default: piles are few and networks learn them by heart."""

    flips: bool = True
    """Mirror left to right, half of the time. Turn it off where left and right variants of a part are two classes."""

    quarter_turns: bool = True
    """Turn by 0, 90, 180 or 270 degrees: a pile seen from above has no natural top."""

    rotate_deg: float = Field(default=10.0, ge=0, le=45)
    """Largest further rotation to either side, in degrees; corners are filled by reflection."""

    zoom: float = Field(default=1.08, ge=1, le=1.5)
    """Largest factor of zooming in or out. 1.08 cuts under 4% at each side: a labelled brick stays in the picture."""

    brightness: float = Field(default=0.15, ge=0, le=1)
    """Largest relative change of brightness and of contrast: photos are taken in any light."""

    hue: int = Field(default=5, ge=0, le=90)
    """Largest shift of hue, in OpenCV's half degrees: small, since colour tells bricks from the floor."""

    saturation: int = Field(default=15, ge=0, le=255)
    """Largest shift of saturation, of 255."""


class TrainingSettings(Settings):
    """Everything that decides the weights of a run, besides the dataset."""

    model: str = "bricknet"
    """Network: 'bricknet' (the paper's) or any name that timm knows."""

    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of the network, such as ``width: 0.5`` for bricknet."""

    input_size_px: int = Field(default=224, ge=16, le=4096)
    """Side of the square that pictures are resized to, in pixels. 224 is what AlexNet and most timm models expect."""

    epochs: int = Field(default=40, ge=1)
    """Passes over the training pictures. The paper trained for 40."""

    batch_size: int = Field(default=32, ge=1)
    """Pictures a step at most; batches of an epoch differ by at most one picture in size. 32 fits any machine."""

    learning_rate: float = Field(default=3e-4, gt=0)
    """Step size of Adam. The paper gives none. Measured with bricknet on a few hundred pictures of flat shapes: of
    3e-5, 1e-4 and 3e-4 the last learned fastest, and Adam's usual 1e-3 stayed at chance for its 12 epochs."""

    schedule: Literal["constant", "cosine"] = "constant"
    """Learning rate over the epochs: constant as in the paper, or half a cosine towards 0."""

    weight_decay: float = Field(default=0.0, ge=0)
    """L2 penalty of Adam, 0 as in the paper."""

    positive_weight: float = Field(default=22.0, gt=0)
    """How much more a missed brick costs than an invented one. 22 in the paper's final run, 16 in its figure."""

    seed: int = Field(default=0, ge=0)
    """Decides first weights, order, augmentation and dropout."""

    augment: AugmentSettings = AugmentSettings()
    """How training pictures are varied."""

    keep: Literal["best_and_last", "all"] = "best_and_last"
    """Which epochs' checkpoints stay on disk; bricknet at full width takes 240 MB each."""

    workers: int = Field(default=0, ge=0)
    """Processes that prepare pictures beside the one that trains. 0: with cached pictures, preparing one
    of 128 px takes 0.8 ms of one core where a step of half-width bricknet takes 7.4, so on a CPU more processes only
    take cores from the network."""

    cache_mb: int = Field(default=2048, ge=0)
    """Memory for decoded, resized pictures, in MiB. Pictures that would need more are read from disk every time."""

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
