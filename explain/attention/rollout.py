"""Attention rollout: where the tokens that the head reads attend, through all blocks, whatever the class."""

import torch
from torch import Tensor

from explain.attention.attention_pass import AttentionMethod, AttentionPass
from explain.attention.weights import AttentionSettings
from explain.protocol import MethodRow


class AttentionRollout(AttentionMethod):
    """The product over blocks of (mean over heads of A + I) / 2, in the rows of the tokens that the head reads.

    Source: Abnar and Zuidema 2020, section 3; the identity stands for the residual connection. The row is multiplied
    from the last block to the first, so that no product of two matrices is needed.
    """

    name = "attention_rollout"

    def tokens(self, kept: AttentionPass, rows: list[int], indices: list[int]) -> Tensor:
        """Return each token's share, (pairs, T), 1 in all."""
        del indices  # it has no class
        share = kept.read().expand(len(rows), -1)
        for weights in reversed(kept.weights):
            share = (share + torch.einsum("nq,nqk->nk", share, weights.detach()[rows].mean(dim=1))) / 2
        return share


ROW = MethodRow(
    AttentionRollout.name, "Attention rollout", "method", "attention", AttentionRollout, AttentionSettings, "bilinear",
    signed=False, images_at_once=16, cost="1 forward, whatever K", source="Abnar and Zuidema 2020",
    note="the same map for every class: where tokens attend, whether or not anything is taken from there",
    claims=("place",), no_zero="attention weights are above 0 everywhere",
)  # fmt: skip
