"""The loss against numbers worked by hand and against torch's own."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import binary_cross_entropy_with_logits

from training.losses import weighted_bce_with_logits


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
