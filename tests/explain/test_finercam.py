"""Finer-CAM's contrast against the library's own target, and what it takes away."""

import numpy as np
import pytest
import torch
from pytorch_grad_cam.utils.model_targets import FinerWeightedTarget
from torch import Tensor, nn

from explain.cam.finercam import contrast
from explain.methods import METHODS, create_method
from explain.references.reference import NoReferenceError, load_reference


def network(classes: int) -> nn.Sequential:
    """Return a network whose class k reads channel 0, which all share, and channel k + 1."""
    head = nn.Linear(4, classes, bias=False)
    with torch.no_grad():
        head.weight.zero_()
        head.weight[:, 0] = 1
        head.weight[:, 1:] = torch.eye(3)[:classes]
    return nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)


class OfChannels(nn.Module):
    """A network that reads four channels made of three."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem, self.rest = nn.Conv2d(3, 4, 1, bias=False), network(classes)
        with torch.no_grad():
            self.stem.weight.copy_(torch.tensor([[1.0, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]])[..., None, None])

    def forward(self, images: Tensor) -> Tensor:
        return self.rest(self.stem(images))


@pytest.mark.parametrize(("alpha", "count"), [(1.0, 3), (0.6, 2), (0.0, 3), (1.5, 9)])
def test_the_contrast_and_its_gradient_are_those_of_the_librarys_target(alpha: float, count: int) -> None:
    logits = torch.randn(2, 7, generator=torch.Generator().manual_seed(3), dtype=torch.float64).requires_grad_(True)
    for row, index in enumerate([4, 0]):
        nearest = (logits[row] - logits[row, index]).abs().argsort()[1 : 1 + count].tolist()
        expected = FinerWeightedTarget(index, nearest, alpha)(logits[row])
        (slope,) = torch.autograd.grad(expected, logits)
        own = contrast(logits[[row]], [index], alpha, count)[0]
        torch.testing.assert_close(own, expected, rtol=1e-6, atol=1e-8)
        torch.testing.assert_close(torch.autograd.grad(own, logits)[0], slope, rtol=1e-6, atol=1e-8)


def test_a_class_is_never_compared_with_itself_nor_with_what_is_far() -> None:
    logits = torch.tensor([[2.0, 2.0, 2.5, -9.0]], requires_grad=True)
    assert contrast(logits, [1], 1.0, 1).tolist() == [0.0]  # class 0 has the same logit
    (slope,) = torch.autograd.grad(contrast(logits, [1], 1.0, 2).sum(), logits)
    assert (slope[0, 0] < 0, float(slope[0, 1]), float(slope[0, 3])) == (True, 1.0, 0.0)


def test_what_classes_share_is_taken_away() -> None:
    images = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    model = OfChannels(2)
    (shared,) = create_method("gradcam", model, layer="stem").attribute(images, [[0, 1]])
    (finer,) = create_method("finercam", model, layer="stem").attribute(images, [[0, 1]])
    red, green = images[0, 0].numpy() / 36, images[0, 1].numpy() / 36
    np.testing.assert_allclose(finer, np.stack([red - green, green - red]), atol=1e-6)
    assert (shared > 0).all()
    (plain,) = create_method("finercam", model, layer="stem", alpha=0.0).attribute(images, [[0, 1]])
    np.testing.assert_allclose(plain, shared, atol=1e-7)


def test_with_one_class_it_is_gradcam_and_has_no_reference() -> None:
    images, model = torch.rand(2, 3, 6, 6), OfChannels(1)
    one, other = (
        create_method(name, model, layer="stem").attribute(images, [[0]] * 2) for name in ("gradcam", "finercam")
    )
    np.testing.assert_array_equal(one, other)
    with pytest.raises(NoReferenceError, match="one class"):
        load_reference(METHODS["finercam"].reference).check(model, images[0])
