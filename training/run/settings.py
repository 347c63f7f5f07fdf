"""What decides a training run: one frozen, validated model, saved beside what it made."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from core.settings import Settings
from dataset.loading.augment import Augment
from dataset.loading.settings import SPEED_ONLY, LoadingSettings

IRRELEVANT_TO_RESULT = SPEED_ONLY | {"keep"}
"""Fields that change speed or what stays on disk, never the weights: a run may go on with others."""


class StageSettings(Settings):
    """One stage of a staged recipe: what differs from the run's own settings; None keeps those."""

    epochs: int = Field(ge=1)
    """Passes over the stage's pictures."""

    sources: tuple[Literal["synthetic", "real"], ...] | None = None
    """Pictures of this stage: renders (synthetic), photos (real), or both."""

    photo_share: float | None = Field(default=None, ge=0, le=1)
    """Share of photos in every batch of this stage."""

    learning_rate: float | None = Field(default=None, gt=0)
    """Step size of this stage; the schedule runs anew in each stage."""

    augment_renders: Augment | None = None
    """How renders are varied in this stage."""

    augment_photos: Augment | None = None
    """How photos are varied in this stage."""


class TrainingSettings(LoadingSettings):
    """Everything that decides the weights of a run, besides the dataset: how pictures come, and who learns."""

    model: str = "bricknet"
    """Network: 'bricknet' (the paper's) or any name that timm knows."""

    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of the network, such as ``width: 0.5`` for bricknet."""

    pretrained: bool = False
    """Start from ImageNet weights: of tf_efficientnet_lite0 from an installed package, of others from timm's hub."""

    weights: Path | None = None
    """File of weights to start from, safetensors or torch; the classifier starts untrained unless its shape fits."""

    epochs: int = Field(default=40, ge=1)
    """Passes over the training pictures. The paper trained for 40. With stages it is their sum."""

    stages: tuple[StageSettings, ...] = ()
    """Staged recipe, such as renders first, then a mix, then photos; empty trains all epochs alike."""

    patience: int | None = Field(default=None, ge=1)
    """Epochs without a better mAP on val after which training stops early; None never stops early."""

    optimizer: Literal["adam", "adamw"] = "adam"
    """Adam as in the paper, or AdamW, whose weight decay does not pass through the moments."""

    learning_rate: float = Field(default=3e-4, gt=0)
    """Step size of Adam. The paper gives none. Measured with bricknet on a few hundred pictures of flat shapes: of
    3e-5, 1e-4 and 3e-4 the last learned fastest, and Adam's usual 1e-3 stayed at chance for its 12 epochs."""

    schedule: Literal["constant", "cosine"] = "constant"
    """Learning rate over the epochs: constant as in the paper, or half a cosine towards 0."""

    warmup_epochs: float = Field(default=0.0, ge=0)
    """Epochs over which the learning rate rises from near 0; pretrained networks forget less with one."""

    weight_decay: float = Field(default=0.0, ge=0)
    """L2 penalty of Adam, 0 as in the paper."""

    accumulate: int = Field(default=1, ge=1)
    """Batches whose gradients are averaged before a step: a larger batch than memory holds."""

    clip_norm: float | None = Field(default=None, gt=0)
    """Largest norm of the gradient of all weights together; None does not clip."""

    average_decay: float | None = Field(default=None, gt=0, lt=1)
    """Decay a step of the moving average of the weights, such as 0.999; the average is validated and kept. None keeps
    the weights themselves."""

    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """Numbers of the forward and backward pass; weights stay float32. bfloat16 is the fast one on recent GPUs."""

    compile: bool = False
    """Let torch.compile fuse the network: slow to start, faster steps on a GPU."""

    loss: Literal["weighted_bce", "bce", "asymmetric", "focal"] = "weighted_bce"
    """Weighted binary cross-entropy is the paper's; plain bce collapses with many classes, as the paper found."""

    positive_weight: Annotated[float, Field(gt=0)] | Literal["per_class"] = 22.0
    """How much more a missed brick costs than an invented one in weighted_bce: 22 in the paper's final run, 16 in its
    figure; per_class takes absent by present pictures of each class from the training split."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """How far targets move from 0 and 1 towards one half."""

    focal_gamma: float = Field(default=2.0, ge=0)
    """Focusing of the focal loss; 2 in its paper."""

    focal_alpha: float | None = Field(default=0.25, ge=0, le=1)
    """Weight of present labels in the focal loss, 0.25 in its paper; None weighs all alike."""

    asymmetric_gamma_positive: float = Field(default=1.0, ge=0)
    """Focusing of present labels in the asymmetric loss; 1 in its code."""

    asymmetric_gamma_negative: float = Field(default=4.0, ge=0)
    """Focusing of absent labels in the asymmetric loss; 4 in its code."""

    asymmetric_clip: float = Field(default=0.05, ge=0, lt=1)
    """Probability below which an absent label costs nothing in the asymmetric loss; 0.05 in its code."""

    mask_penalty: float = Field(default=0.0, ge=0)
    """What it costs that Grad-CAM's mass lies outside the mask of the brick that it names: this times the share that
    does. Pictures without masks, as most photos, take no part. 0 leaves the network free to look where it likes."""

    keep: Literal["best_and_last", "all"] = "best_and_last"
    """Which epochs' checkpoints stay on disk; bricknet at full width takes 240 MB each."""

    @property
    def total_epochs(self) -> int:
        """Passes over pictures in all stages."""
        return sum(stage.epochs for stage in self.stages) or self.epochs

    def stage_at(self, epoch: int) -> tuple["TrainingSettings", int]:
        """Return the settings that hold in `epoch`, from 1, and the number of epochs before its stage."""
        before = 0
        for stage in self.stages:
            if epoch <= before + stage.epochs:
                changed = {name: getattr(stage, name) for name in StageSettings.model_fields}
                return self.model_copy(update={name: v for name, v in changed.items() if v is not None}), before
            before += stage.epochs
        return self, 0

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if not self.model.strip():
            raise ValueError("model is empty; give 'bricknet' or the name of a timm model")
        if self.pretrained and self.weights is not None:
            raise ValueError("pretrained and weights exclude each other: give one of them")
        if self.mask_penalty and self.compile:
            raise ValueError("mask_penalty needs gradients of gradients, which compile does not give: drop one of them")
        if self.mask_penalty and self.precision == "float16":
            raise ValueError("mask_penalty is too small a number for precision float16: take bfloat16 or float32")
        for stage in self.stages:
            foreign = set(stage.sources or ()) - set(self.sources)
            if foreign:
                raise ValueError(f"a stage has the source {min(foreign)}, which sources leaves out")
        if self.stages and "epochs" in self.model_fields_set and self.epochs != self.total_epochs:
            raise ValueError(f"epochs {self.epochs} is not the sum of the stages' epochs, {self.total_epochs}")
        object.__setattr__(self, "epochs", self.total_epochs)  # a frozen model; what is saved must say it too
        if self.warmup_epochs > min((stage.epochs for stage in self.stages), default=self.epochs):
            raise ValueError(
                f"warmup_epochs {self.warmup_epochs:g} is longer than the training (or its shortest stage)"
            )
        return self


def differences(first: Settings, second: Settings) -> list[str]:
    """Return ``name: value in first, value in second`` for every field of the result in which the two differ."""
    one, other = first.model_dump(mode="json"), second.model_dump(mode="json")
    return [
        f"{name}: {one[name]!r} there, {other[name]!r} here"
        for name in one
        if name not in IRRELEVANT_TO_RESULT and one[name] != other.get(name)
    ]
