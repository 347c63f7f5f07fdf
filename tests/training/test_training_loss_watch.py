"""Losses that are read late: none is lost, and the batch is named right."""

import pytest
import torch

from core.errors import BrickbenchError
from training.fit.loss_watch import LossWatch, require_number
from training.run.settings import TrainingSettings


@pytest.mark.parametrize("late", [0, 2, 9])
def test_every_loss_counts_however_late(late: int) -> None:
    seen: list[tuple[float, int]] = []
    watch = LossWatch(lambda loss, number: seen.append((loss, number)), late)
    for number in range(1, 6):
        watch.add(torch.tensor(float(number)), number, pictures=10 - number)
        assert len(seen) == max(number - late, 0)
    watch.finish()
    assert seen == [(float(number), number) for number in range(1, 6)]
    assert (watch.sum, watch.pictures) == (sum(n * (10 - n) for n in range(1, 6)), 35)
    assert watch.note == ", loss 5.000"


@pytest.mark.parametrize("late", [0, 2])
def test_the_batch_is_named_right(late: int) -> None:
    watch = LossWatch(lambda loss, number: require_number(loss, f"batch {number}", 3, TrainingSettings()), late)

    def all_batches() -> None:
        for number, loss in enumerate([1.0, float("nan"), 1.0, 1.0], 1):
            watch.add(torch.tensor(loss), number, 1)

    with pytest.raises(BrickbenchError, match=r"^The loss became nan in batch 2 \(checkpoint epoch_0002 is kept\)"):
        all_batches()


def test_nothing_is_told_before_the_first_is_read() -> None:
    watch = LossWatch(lambda loss, number: None, late=2)
    watch.add(torch.tensor(1.0), 1, 1)
    assert watch.note == ""
