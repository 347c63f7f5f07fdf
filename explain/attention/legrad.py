"""LeGrad: gradients of each block's own prediction with respect to its attention weights."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import BrickbenchError
from explain.attention.attention_pass import NO_ZERO, AttentionMethod, AttentionPass
from explain.attention.weights import AttentionSettings
from explain.forward import opened
from explain.protocol import MethodRow, NotForNetworkError
from training.network.models import architecture, network_within


class LeGrad(AttentionMethod):
    """The sum over blocks of the mean over heads and queries of (dy_b/dA_b)+, y_b being the block's own logit.

    Source: Bousselham et al. 2024, of all blocks, without the last rescaling. A block's own logit is what the network's
    last normalisation, pooling and head make of the tokens that leave the block. It depends on its own weights by way
    of this block alone, so blocks are cut apart, and one short backward pass serves all of them.
    """

    name = "legrad"

    def __init__(self, model: nn.Module, settings: AttentionSettings) -> None:
        """Bind to `model`; raises NotForNetworkError if it does not attend, or has no head for a block's tokens."""
        super().__init__(model, settings)
        self._network: Any = network_within(model)
        if not all(hasattr(self._network, part) for part in ("blocks", "norm", "forward_head")):
            raise NotForNetworkError(
                f"Method {self.name} applies the head to the tokens that leave each block; {architecture(model)} has "
                "no `blocks`, `norm` and `forward_head`: choose chefer."
            )

    @contextmanager
    def attention_pass(self, images: Tensor, classes: Sequence[Sequence[int]]) -> Iterator[AttentionPass]:
        """Run the network on `images`, cut between its blocks; `logits` are the sums of the blocks' own.

        Raises:
            BrickbenchError: as of others; or the network's logits are not what its head makes of the last block.
        """
        left: list[Tensor] = []

        def cut(_block: nn.Module, _inputs: object, tokens: Tensor) -> Tensor:
            left.append(tokens)
            return tokens.detach()

        blocks = opened(self._network.blocks, looks_inside=True).children()  # they may be compiled on their own
        handles = [block.register_forward_hook(cut) for block in blocks]
        try:
            with super().attention_pass(images, classes) as kept:
                for handle in handles:
                    handle.remove()
                own = torch.stack([self._network.forward_head(self._network.norm(tokens)) for tokens in left])
                if own.shape[1:] != kept.logits.shape or not _equal(own[-1], kept.logits):
                    raise BrickbenchError(
                        f"Method {self.name} applies the head to the tokens that leave each block; the logits of "
                        f"{type(self._model).__name__} are not what that gives of the last block: choose chefer."
                    )
                yield replace(kept, logits=own.sum(dim=0))
        finally:
            for handle in handles:
                handle.remove()

    def tokens(self, kept: AttentionPass, rows: list[int], indices: list[int]) -> Tensor:
        """Return what more attention to each token would bring, (pairs, T)."""
        return torch.stack([one.clamp(min=0).mean(dim=(1, 2)) for one in kept.gradients(rows, indices)]).sum(dim=0)


def _equal(logits: Tensor, others: Tensor) -> bool:
    """Return whether logits are equal but for rounding."""
    return torch.allclose(logits, others, rtol=1e-3, atol=1e-5, equal_nan=True)


ROW = MethodRow(
    LeGrad.name, "LeGrad", "method", "attention", LeGrad, AttentionSettings, "bilinear", signed=False,
    images_at_once=16, cost="1 forward, K short backward", source="Bousselham et al. 2024",
    note="for transformers, one value a patch; where more attention would speak for the class, not where there is much",
    claims=("place", "class"), no_zero=NO_ZERO,
)  # fmt: skip
