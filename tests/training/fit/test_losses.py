"""The losses against numbers worked by hand, and against torch's, torchvision's and timm's own."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.loss import AsymmetricLossMultiLabel
from torch.nn.functional import binary_cross_entropy_with_logits
from torchvision.ops import sigmoid_focal_loss

from core.errors import BrickbenchError
from training.fit.losses import (
    LossWatch,
    asymmetric_with_logits,
    class_weights,
    create_loss,
    focal_with_logits,
    require_number,
    smoothed,
    weighted_bce_with_logits,
)
from training.run.settings import TrainingSettings


def test_by_hand() -> None:
    # Logit log 3 is probability 3/4. Terms: 2 * -log(3/4), -log(1 - 3/4), 2 * -log(1/2), -log(1/2).
    logits = torch.tensor([[math.log(3), math.log(3)], [0.0, 0.0]], dtype=torch.float64)
    targets = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    expected = (2 * math.log(4 / 3) + math.log(4) + 2 * math.log(2) + math.log(2)) / 4
    assert weighted_bce_with_logits(logits, targets, 2.0).item() == pytest.approx(expected, rel=1e-12)


def test_an_untrained_network_with_the_papers_numbers() -> None:
    targets = torch.zeros(1, 85, dtype=torch.float64)
    targets[0, :5] = 1
    loss = weighted_bce_with_logits(torch.zeros_like(targets), targets, 22.0)
    assert loss.item() == pytest.approx(math.log(2) * (1 + 21 * 5 / 85), rel=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.floats(0.1, 50))
def test_equals_torch(seed: int, weight: float) -> None:
    numbers = torch.Generator().manual_seed(seed)
    logits = 20 * torch.randn(4, 7, generator=numbers, dtype=torch.float64)
    targets = torch.randint(0, 2, (4, 7), generator=numbers).double()
    reference = binary_cross_entropy_with_logits(logits, targets, pos_weight=torch.full((7,), weight).double())
    assert weighted_bce_with_logits(logits, targets, weight).item() == pytest.approx(reference.item(), rel=1e-6)


def test_figure_3_a_missed_brick_costs_more() -> None:
    """The figure's caption has it the other way round; its formula and section 4.3 do not."""
    certain = 5.0
    false_negative = weighted_bce_with_logits(torch.tensor([[-certain]]), torch.ones(1, 1), 16.0)
    false_positive = weighted_bce_with_logits(torch.tensor([[certain]]), torch.zeros(1, 1), 16.0)
    assert false_negative.item() == pytest.approx(16 * false_positive.item(), rel=1e-6)


def test_extreme_logits_stay_finite() -> None:
    logits = torch.tensor([[-1e4, 1e4]], requires_grad=True)
    loss = weighted_bce_with_logits(logits, torch.tensor([[1.0, 0.0]]), 22.0)
    loss.backward()
    assert loss.item() == pytest.approx((22e4 + 1e4) / 2)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"^Logits have shape \(2, 3\), targets \(3,\); they must agree\.$"):
        weighted_bce_with_logits(torch.zeros(2, 3), torch.zeros(3), 1.0)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.floats(0, 4), st.one_of(st.none(), st.floats(0, 1)))
def test_focal_equals_torchvision(seed: int, gamma: float, alpha: float | None) -> None:
    logits, targets = random_case(seed)
    reference = sigmoid_focal_loss(logits, targets, alpha=-1 if alpha is None else alpha, gamma=gamma, reduction="mean")
    assert focal_with_logits(logits, targets, gamma, alpha).item() == pytest.approx(reference.item(), rel=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.floats(0, 2), st.floats(0, 5), st.floats(0.01, 0.3))
def test_asymmetric_and_its_gradient_equal_timms(seed: int, positive: float, negative: float, clip: float) -> None:
    logits, targets = random_case(seed)
    mine, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    reference = AsymmetricLossMultiLabel(
        gamma_neg=negative, gamma_pos=positive, clip=clip, eps=1e-300, disable_torch_grad_focal_loss=True
    )(theirs, targets)
    loss = asymmetric_with_logits(mine, targets, positive, negative, clip)
    assert loss.item() == pytest.approx(reference.item() / logits.shape[1], rel=1e-6)
    loss.backward()
    reference.backward()
    assert mine.grad is not None
    assert theirs.grad is not None
    torch.testing.assert_close(mine.grad, theirs.grad / logits.shape[1], rtol=1e-3, atol=1e-6)  # timm works in float32


def test_without_focusing_all_are_the_plain_cross_entropy() -> None:
    logits, targets = random_case(7)
    plain = binary_cross_entropy_with_logits(logits, targets)
    torch.testing.assert_close(weighted_bce_with_logits(logits, targets, 1.0), plain)
    torch.testing.assert_close(focal_with_logits(logits, targets, 0.0, None), plain)
    torch.testing.assert_close(asymmetric_with_logits(logits, targets, 0.0, 0.0, 0.0), plain)


def test_class_weights_balance_present_and_absent() -> None:
    targets = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    torch.testing.assert_close(class_weights(targets, ("a", "b")), torch.tensor([1 / 3, 3.0]))
    with pytest.raises(BrickbenchError, match=r"No training picture shows b, c, .*give positive_weight as one number"):
        class_weights(torch.tensor([[1.0, 0.0, 0.0]]), ("a", "b", "c"))


def test_smoothing_moves_targets_towards_one_half() -> None:
    torch.testing.assert_close(smoothed(torch.tensor([0.0, 1.0]), 0.1), torch.tensor([0.05, 0.95]))


@pytest.mark.parametrize("name", ["weighted_bce", "focal", "asymmetric"])
def test_extreme_logits_stay_finite_in_all_losses(name: str) -> None:
    logits = torch.tensor([[-1e4, 1e4, 60.0, -60.0]], requires_grad=True)
    targets = torch.tensor([[1.0, 0.0, 1.0, 0.0]])
    loss = create_loss(TrainingSettings(loss=name), targets, tuple("abcd"))(logits, targets)  # type: ignore[arg-type]
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


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


def random_case(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    numbers = torch.Generator().manual_seed(seed)
    logits = 4 * torch.randn(4, 7, generator=numbers, dtype=torch.float64)
    return logits, torch.randint(0, 2, (4, 7), generator=numbers).double()
