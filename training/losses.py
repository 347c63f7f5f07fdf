"""The paper's loss: binary cross-entropy with logits in which a missed brick weighs more than an invented one."""

import torch
from torch import Tensor
from torch.nn.functional import softplus


def weighted_bce_with_logits(logits: Tensor, targets: Tensor, positive_weight: float) -> Tensor:
    """Return the weighted binary cross-entropy, averaged over all pictures and labels (a scalar).

    For one label with logit x, target t and weight w it is ``-w t log s(x) - (1 - t) log(1 - s(x))``, s being the
    logistic function: section 4.2 of Cian, van Gemert and Lengyel (2020). It is computed as
    ``w t softplus(-x) + (1 - t) softplus(x)``, which neither overflows nor loses digits far from 0.

    Departures and remarks:
        - The paper writes log(x) for "the prediction in logits"; x there can only mean s(x).
        - The paper does not say how it reduces over labels. Here it is the mean, so that a loss does not grow with
          the number of classes: a network that says 0 everywhere has ``log 2 * (1 + (w - 1) p)``, p being the share
          of positive labels. That is 1.6 for the paper's w = 22 and p = 5/85, so its reported 16.251 is another
          reduction.
        - The caption of its figure 3 says that the loss is much greater for false positives than for false
          negatives. Formula, figure and section 4.3 say the reverse, and so does this function: w > 1 multiplies
          the loss of labels that are present, so it is the false negative (t = 1, s(x) near 0) that costs w times
          as much. Raising w raises recall and lowers precision.

    Args:
        logits: (N, C) float, any finite value.
        targets: (N, C), 1 where the part is in the picture, else 0.
        positive_weight: w, above 0; 1 gives the plain binary cross-entropy.

    Raises:
        ValueError: the shapes differ.
    """
    if logits.shape != targets.shape:
        raise ValueError(f"Logits have shape {tuple(logits.shape)}, targets {tuple(targets.shape)}; they must agree.")
    missed = positive_weight * targets * softplus(-logits)
    invented = (1 - targets) * softplus(logits)
    return torch.mean(missed + invented)
