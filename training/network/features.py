"""What a network makes of pictures before its last layer."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader

from core.errors import BrickbenchError
from core.progress import Progress
from dataset.pile_dataset import PileDataset
from training.predict import BATCH_SIZE
from training.run.checkpoint import Checkpoint


def label_with_features(
    checkpoint: Checkpoint, pictures: PileDataset, device: torch.device
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return logits (N, C) and last hidden units (N, D), float32 both, of all `pictures` of `open_split`.

    Raises:
        BrickbenchError: the network does not come apart into features and a last layer.
    """
    model: Any = checkpoint.model
    if not (hasattr(model, "forward_features") and hasattr(model, "forward_head")):
        raise BrickbenchError(
            f"{checkpoint.info.model} has no forward_features and forward_head: choose bricknet or another of timm's "
            "networks that have."
        )
    model.eval()
    logits, features = [], []
    with torch.inference_mode(), Progress("Predicting", len(pictures), "pictures") as progress:
        for sample in DataLoader(pictures, batch_size=BATCH_SIZE):
            maps = model.forward_features(sample.image.to(device))
            hidden = model.forward_head(maps, pre_logits=True)
            logits.append(model.forward_head(maps).float().cpu().numpy())
            features.append(hidden.flatten(1).float().cpu().numpy())
            progress.advance(len(sample.image))
    return np.concatenate(logits), np.concatenate(features)
