"""What a network is punished for: the paper's weighted cross-entropy, and losses for few positives among many labels.

Each loss takes logits (N, C) and targets (N, C) in 0..1, and returns the mean over all pictures and labels (a
scalar), so that a loss does not grow with the number of classes.
"""

import math
from collections import deque
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from core.errors import BrickbenchError
from training.run.history import checkpoint_name
from training.run.settings import TrainingSettings

Loss = Callable[[Tensor, Tensor], Tensor]
"""From logits and targets, (N, C) each, to a scalar."""

LATE = 2
"""Batches by which a loss is read late on a GPU, which then always has work before it; other devices wait anyway."""


def create_loss(settings: TrainingSettings, targets: Tensor, classes: tuple[str, ...]) -> Loss:
    """Return the loss that `settings` name; weights per class are taken from the training targets (N, C).

    Raises:
        BrickbenchError: weights per class are wanted, and a class has no positive example.
    """
    weight: float | Tensor = 1.0
    if settings.loss == "weighted_bce":
        if settings.positive_weight == "per_class":
            weight = class_weights(targets, classes)
        else:
            weight = settings.positive_weight

    def loss(logits: Tensor, truth: Tensor) -> Tensor:
        truth = smoothed(truth, settings.label_smoothing)
        if settings.loss == "focal":
            return focal_with_logits(logits, truth, settings.focal_gamma, settings.focal_alpha)
        if settings.loss == "asymmetric":
            return asymmetric_with_logits(
                logits, truth, settings.asymmetric_gamma_positive, settings.asymmetric_gamma_negative,
                settings.asymmetric_clip,
            )  # fmt: skip
        placed = weight.to(logits.device) if isinstance(weight, Tensor) else weight
        return weighted_bce_with_logits(logits, truth, placed)

    return loss


def weighted_bce_with_logits(logits: Tensor, targets: Tensor, positive_weight: float | Tensor) -> Tensor:
    """Return the weighted binary cross-entropy.

    For one label with logit x, target t and weight w it is ``-w t log s(x) - (1 - t) log(1 - s(x))``, s being the
    logistic function: section 4.2 of Cian, van Gemert and Lengyel (2020). It is computed as
    ``w t softplus(-x) + (1 - t) softplus(x)``, which neither overflows nor loses digits far from 0.

    Departures and remarks:
        - The paper writes log(x) for "the prediction in logits"; x there can only mean s(x).
        - The paper does not say how it reduces over labels. Here it is the mean, so that a loss does not grow with
          the number of classes: a network that says 0 everywhere has ``log 2 * (1 + (w - 1) p)``, p being the share
          of positive labels. That is 1.6 for the paper's w = 22 and p = 5/85, so its reported 16.251 is another
          reduction.
        - The caption of its figure 3 says that the loss is much greater for false positives than for false
          negatives. Formula, figure and section 4.3 say the reverse, and so does this function: w > 1 multiplies
          the loss of labels that are present, so it is the false negative (t = 1, s(x) near 0) that costs w times
          as much. Raising w raises recall and lowers precision.

    Args:
        logits: (N, C) float, any finite value.
        targets: (N, C), 1 where the part is in the picture, else 0.
        positive_weight: w, above 0, for all classes or (C,); 1 gives the plain binary cross-entropy.

    Raises:
        ValueError: the shapes differ.
    """
    _require_same_shape(logits, targets)
    missed = positive_weight * targets * softplus(-logits)
    invented = (1 - targets) * softplus(logits)
    return torch.mean(missed + invented)


def focal_with_logits(logits: Tensor, targets: Tensor, gamma: float, alpha: float | None) -> Tensor:
    """Return the focal loss: labels that are told right with confidence hardly count.

    ``-alpha (1 - p)^gamma log p`` for a present label of probability p, ``-(1 - alpha) p^gamma log(1 - p)`` for an
    absent one: Lin et al. 2017, Focal Loss for Dense Object Detection, eq. 5. The paper divides by the number of
    anchors that hold an object; here it is the mean over labels.

    Args:
        logits: (N, C) float.
        targets: (N, C) in 0..1.
        gamma: 0 or more; 0 leaves the cross-entropy.
        alpha: share of the weight that present labels get, in 0..1; None weighs both with 1.

    Raises:
        ValueError: the shapes differ.
    """
    _require_same_shape(logits, targets)
    p = torch.sigmoid(logits)
    present, absent = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
    missed = present * targets * (1 - p) ** gamma * softplus(-logits)
    invented = absent * (1 - targets) * p**gamma * softplus(logits)
    return torch.mean(missed + invented)


def asymmetric_with_logits(
    logits: Tensor, targets: Tensor, gamma_positive: float, gamma_negative: float, clip: float
) -> Tensor:
    """Return the asymmetric loss: absent labels are focused more than present ones, and easy ones dropped.

    ``-(1 - p)^gamma_positive log p`` for a present label, ``-q^gamma_negative log(1 - q)`` with
    ``q = max(p - clip, 0)`` for an absent one: Ridnik et al. 2021, Asymmetric Loss For Multi-Label Classification,
    eq. 7. The paper sums over labels; here it is the mean. As in its code, no gradient flows through the focusing.

    Args:
        logits: (N, C) float.
        targets: (N, C) in 0..1.
        gamma_positive: focusing of present labels, 0 or more.
        gamma_negative: focusing of absent labels, 0 or more.
        clip: probability under which an absent label costs nothing, in 0..1.

    Raises:
        ValueError: the shapes differ.
    """
    _require_same_shape(logits, targets)
    p = torch.sigmoid(logits)
    with torch.no_grad():
        easy_present = (1 - p) ** gamma_positive
        easy_absent = torch.clamp(p - clip, min=0) ** gamma_negative
    # log(1 - max(p - clip, 0)): without a clip it is logsigmoid(-x), which is exact where p rounds to 1.
    log_absent = logsigmoid(-logits) if clip == 0 else torch.log(torch.clamp(1 - p + clip, max=1))
    return -torch.mean(targets * easy_present * logsigmoid(logits) + (1 - targets) * easy_absent * log_absent)


def smoothed(targets: Tensor, amount: float) -> Tensor:
    """Return the targets moved towards one half: 1 becomes ``1 - amount / 2``, 0 becomes ``amount / 2``."""
    return targets if amount == 0 else targets * (1 - amount) + amount / 2


def class_weights(targets: Tensor, classes: tuple[str, ...]) -> Tensor:
    """Return for each class the number of pictures without it divided by the number with it, (C,) float32.

    With these weights the present labels of a class weigh together as much as the absent ones.

    Raises:
        BrickbenchError: a class has no positive example.
    """
    positives = targets.sum(dim=0)
    lacking = [name for name, count in zip(classes, positives.tolist(), strict=True) if count == 0]
    if lacking:
        raise BrickbenchError(
            f"No training picture shows {', '.join(lacking)}, so positive_weight per_class is undefined there. "
            "Render or import pictures with those parts, or give positive_weight as one number."
        )
    return (len(targets) - positives) / positives


def _require_same_shape(logits: Tensor, targets: Tensor) -> None:
    if logits.shape != targets.shape:
        raise ValueError(f"Logits have shape {tuple(logits.shape)}, targets {tuple(targets.shape)}; they must agree.")


class LossWatch:
    """The losses of the batches of one epoch: their sum over pictures, and the latest one in words."""

    def __init__(self, check: Callable[[float, int], None], late: int = 0) -> None:
        """Take `check`, which is called with every loss and the number of its batch, and raises if it is no number."""
        self._check, self._late = check, late
        self._waiting: deque[tuple[Tensor, torch.cuda.Event | None, int, int]] = deque()
        self.sum, self.pictures, self.note = 0.0, 0, ""

    def add(self, loss: Tensor, number: int, pictures: int) -> None:
        """Take the mean loss (a scalar) of batch `number`, and check those that are due."""
        copied = None
        value = loss.detach()
        if value.is_cuda:
            value = value.to("cpu", non_blocking=True)
            copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            copied.record()
        self._waiting.append((value, copied, number, pictures))
        while len(self._waiting) > self._late:
            self._read()

    def finish(self) -> None:
        """Check those that are left."""
        while self._waiting:
            self._read()

    def _read(self) -> None:
        value, copied, number, pictures = self._waiting.popleft()
        if copied is not None:
            copied.synchronize()
        loss = value.item()
        self._check(loss, number)
        self.sum += loss * pictures
        self.pictures += pictures
        self.note = f", loss {loss:.3f}"


def require_number(loss: float, where: str, epoch: int, settings: TrainingSettings) -> None:
    """Raise BrickbenchError unless `loss` is finite; says where it was not, and which checkpoint is left."""
    if not math.isfinite(loss):
        kept = f"checkpoint {checkpoint_name(epoch - 1)} is kept" if epoch > 1 else "no epoch had ended"
        raise BrickbenchError(
            f"The loss became {loss} in {where} ({kept}): train in another folder with a learning_rate "
            f"below {settings.learning_rate:g}."
        )
