"""A penalty for looking beside the brick: the share of Grad-CAM's mass outside the mask of the part that it names.

Ross, Hughes and Doshi-Velez 2017 (Right for the right reasons) punish gradients of the input where people say that
nothing of interest is; here it is Grad-CAM (Selvaraju et al. 2017) at the network's last grid of features, which costs
one more pass through the head alone, and the masks are exact. It is a share, so shrinking all maps does not lower it.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d

from core.errors import BrickbenchError


class WithFeatures(nn.Module):
    """A network of timm's shape that gives its features beside its logits."""

    def __init__(self, model: nn.Module) -> None:
        """Take a network with `forward_features` and `forward_head`, whose weights it shares."""
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, C) and features (N, F, h, w) of `images` (N, 3, H, W).

        Raises:
            BrickbenchError: the features are no grid of channels.
        """
        features = self.model.forward_features(images)  # type: ignore[operator]
        if features.ndim != 4 or getattr(self.model, "output_fmt", "NCHW") != "NCHW":
            raise BrickbenchError(
                "mask_penalty needs a network whose features are a grid, (N, channels, h, w), such as bricknet or a "
                f"ResNet; this one's are {tuple(features.shape)}. Choose another model, or set mask_penalty to 0."
            )
        return self.model.forward_head(features), features  # type: ignore[operator]


def mass_outside(logits: Tensor, features: Tensor, targets: Tensor, masks: Tensor) -> Tensor:
    """Return the mean share of Grad-CAM's mass outside the mask, (), differentiable: 0 is best, 1 is worst.

    Of each picture one part that it shows is drawn from torch's generator, so that the cost does not grow with their
    number. A cell of the grid lies inside if the mask touches it. Pictures without a mask take no part; a map without
    any mass counts as 0.

    Args:
        logits: (N, C), computed from `features`.
        features: (N, F, h, w), with a graph.
        targets: (N, C), above 0 where the picture shows the part.
        masks: (N, C, H, W) bool, where each part is seen; empty where that is not known.
    """
    shown = (targets > 0) & masks.flatten(2).any(dim=2)
    rows = shown.any(dim=1).nonzero()[:, 0]
    if not len(rows):
        return logits.sum() * 0
    chosen = torch.multinomial(shown[rows].float(), 1)  # (M, 1)
    named = logits[rows].gather(1, chosen).sum()
    (slopes,) = torch.autograd.grad(named, features, create_graph=True)
    precise = torch.promote_types(features.dtype, torch.float32)
    weights = slopes[rows].to(precise).mean(dim=(2, 3), keepdim=True)
    maps = torch.relu((weights * features[rows].to(precise)).sum(dim=1))  # (M, h, w)
    inside = adaptive_max_pool2d(masks[rows, chosen[:, 0], None].to(precise), maps.shape[1:])[:, 0]
    outside = (maps * (1 - inside)).sum(dim=(1, 2))
    return (outside / maps.sum(dim=(1, 2)).clamp(min=torch.finfo(maps.dtype).tiny)).mean()
