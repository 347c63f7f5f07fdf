"""Chefer's transformer attribution: attention weights times their gradients, through all blocks."""

import torch
from torch import Tensor

from explain.attention.attention_pass import NO_ZERO, AttentionMethod, AttentionPass
from explain.attention.weights import AttentionSettings
from explain.protocol import MethodRow


class Chefer(AttentionMethod):
    """R = I, then R += mean over heads of (A dy/dA)+ times R in each block, in the rows of the tokens that are read.

    Source: Chefer, Gur and Wolf 2021, Generic attention-model explainability, equations 5 and 6 (self-attention). The
    row is multiplied from the last block to the first, so that no product of two matrices is needed. The paper reads
    the class token; of networks that average their patches it is the mean of their rows.
    """

    name = "chefer"

    def tokens(self, kept: AttentionPass, rows: list[int], indices: list[int]) -> Tensor:
        """Return each token's relevance, (pairs, T)."""
        relevance = kept.read().expand(len(rows), -1)
        pairs = zip(kept.weights, kept.gradients(rows, indices), strict=True)
        for weights, gradients in reversed(list(pairs)):
            speaking = (weights.detach()[rows] * gradients).clamp(min=0).mean(dim=1)
            relevance = relevance + torch.einsum("nq,nqk->nk", relevance, speaking)
        return relevance


ROW = MethodRow(
    Chefer.name, "Chefer", "method", "attention", Chefer, AttentionSettings, "bilinear", signed=False,
    images_at_once=16, cost="1 forward, K backward", source="Chefer et al. 2021",
    note="for transformers, one value a patch; counts what speaks for a class, nothing that speaks against it",
    claims=("place", "class"), no_zero=NO_ZERO,
)  # fmt: skip
