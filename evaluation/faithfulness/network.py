"""A trained network that is asked about one class of each of many changed pictures, in batches that fit."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import BrickbenchError
from evaluation.measure import FloatArray
from explain.forward import ask
from explain.memory import BatchSize
from explain.perturbation.perturbed import batch_size
from explain.protocol import device_of, frozen_eval


class Network:
    """A network with the normalisation of its pictures."""

    def __init__(
        self, model: nn.Module, mean: Sequence[float], std: Sequence[float], pictures_at_once: int | None = None
    ) -> None:
        """Take a network in evaluation mode; `pictures_at_once` None leaves the size of a forward pass to the device.

        `mean` and `std` are per channel, of pictures scaled to 0..1.
        """
        self.model = model
        self._mean, self._std = tuple(mean), tuple(std)
        self._batch = None if pictures_at_once is None else BatchSize(pictures_at_once, "changed pictures")

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return device_of(self.model)

    @property
    def note(self) -> str | None:
        """What did not fit into memory, if anything."""
        return None if self._batch is None else self._batch.note

    def normalised(self, pictures: Tensor) -> Tensor:
        """Return pictures (..., 3, H, W) in 0..1 as the network takes them."""
        mean, std = (pictures.new_tensor(values)[:, None, None] for values in (self._mean, self._std))
        return (pictures - mean) / std

    def shown(self, images: Tensor) -> Tensor:
        """Return what the network takes, (..., 3, H, W), as pictures in 0..1."""
        mean, std = (images.new_tensor(values)[:, None, None] for values in (self._mean, self._std))
        return images * std + mean

    def logits(self, count: int, make: Callable[[slice], Tensor]) -> FloatArray:
        """Return the logits (count, C) of the pictures that `make` gives for consecutive slices of ``range(count)``."""

        def work(part: slice) -> FloatArray:
            return np.asarray(ask(self.model, make(part)).double().cpu().numpy())

        with frozen_eval(self.model), torch.inference_mode():
            if self._batch is None:  # one picture is made for its size only: batches are the same in every call
                self._batch = batch_size(None, make(slice(0, 1))[0], self.device)
            return np.concatenate(list(self._batch.batches(count, work)))

    def answers(
        self,
        count: int,
        make: Callable[[slice], Tensor],
        classes: NDArray[np.int64],
        output: Literal["probability", "logit"],
    ) -> FloatArray:
        """Return what the network says of `classes` (count,), one a picture: logits, or their logistic function.

        Raises:
            BrickbenchError: it gives NaN or infinity.
        """
        logits = self.logits(count, make)[np.arange(count), classes]
        if not np.isfinite(logits).all():
            raise BrickbenchError("The network's logits of changed pictures are NaN or infinite: check its weights.")
        return logits if output == "logit" else np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float64)
