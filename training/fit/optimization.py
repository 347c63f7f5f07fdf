"""The optimizer, its learning rate, and the moving average of the weights."""

import math

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.run.settings import TrainingSettings


def create_optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Return the optimizer of all weights of `model`, which is on its device."""
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)


def learning_rate(settings: TrainingSettings, at: float, step: float = 1.0) -> float:
    """Return the learning rate after `at` epochs of a stage, from 0.

    It rises in a line over ``warmup_epochs``, then stays, or follows half a cosine that ends near 0.

    Args:
        settings: of the stage.
        at: epochs done, with a fraction for the batches of the epoch that is on.
        step: the part of an epoch that one batch takes: the first batch already learns.
    """
    if at < settings.warmup_epochs:
        return settings.learning_rate * min((at + step) / settings.warmup_epochs, 1.0)
    if settings.schedule == "constant":
        return settings.learning_rate
    turned = (at - settings.warmup_epochs) / (settings.epochs - settings.warmup_epochs)
    return settings.learning_rate * (1 + math.cos(math.pi * turned)) / 2


def averaged(model: nn.Module, decay: float) -> AveragedModel:
    """Return the exponential moving average of the weights and of the statistics of batch normalisation."""
    moving = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(model, multi_avg_fn=moving, use_buffers=True)
