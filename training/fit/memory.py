"""A GPU whose memory is full: which batch size fits."""

import torch
from torch import Tensor

from core.errors import BrickbenchError
from training.fit.learner import Learner, autocast
from training.run.settings import TrainingSettings


def memory_is_full(learner: Learner, settings: TrainingSettings, classes: int, ranks: int) -> BrickbenchError:
    """Return the error that names a batch size that fits, found by trying: half, a quarter and so on.

    Call it outside of the ``except`` that caught the error, which holds what filled the memory.

    Args:
        learner: as it was when the memory was full; its gradients are dropped.
        settings: of the stage.
        classes: number of classes.
        ranks: processes that share a batch.
    """
    fitting = settings.batch_size // 2
    while fitting >= 2 and not _fits(learner, settings, classes, -(-fitting // ranks)):
        fitting //= 2
    asked = f"A batch_size of {settings.batch_size} at {settings.input_size_px} px does not fit in the GPU's memory"
    if fitting < 2:
        return BrickbenchError(
            f"{asked}, nor does one of 2: choose a smaller input_size_px, a smaller model, or precision bfloat16."
        )
    steps = -(-settings.batch_size // fitting) * settings.accumulate
    return BrickbenchError(
        f"{asked}; {fitting} fits: train in another folder with batch_size {fitting} and accumulate {steps}, which "
        "takes steps of that size."
    )


def _fits(learner: Learner, settings: TrainingSettings, classes: int, count: int) -> bool:
    """Return whether a step with `count` pictures fits, the optimizer's memory included."""
    weights = list(learner.model.parameters())
    device = weights[0].device
    learner.optimizer.zero_grad()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    learner.model.train()
    try:
        # Both moments of Adam, which it takes at its first step.
        reserved = [torch.empty_like(weight) for weight in weights * 2] if not learner.optimizer.state else []
        images = torch.zeros(count, 3, settings.input_size_px, settings.input_size_px, device=device)
        images = images.contiguous(memory_format=torch.channels_last)
        with autocast(settings, device):
            logits: Tensor = learner.model(images)
        loss = learner.loss_of(logits.float(), torch.zeros(count, classes, device=device))
        loss.backward()  # type: ignore[no-untyped-call]
        del reserved
    except torch.OutOfMemoryError:
        return False
    finally:
        learner.optimizer.zero_grad()
    return True
