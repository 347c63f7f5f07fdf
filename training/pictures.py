"""Pictures of one split as batches: decoded once, kept in memory if they fit, varied by seed, epoch and place."""

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from core.progress import Progress
from dataset.loader import PileDataset
from training.randomness import AUGMENT, epoch_batches, stream
from training.settings import TrainingSettings
from training.transforms import eval_transform, resize_transform, seed_transform, train_transform

Batch = tuple[Tensor, Tensor]
"""Images (N, 3, S, S) float32 and targets (N, C) float32."""
Key = tuple[int, int]
"""Epoch and index; epoch 0 stands for the picture unvaried."""


class Pictures(Dataset[Batch]):
    """The pictures of one split, each a function of (seed, epoch, index) whatever process makes it."""

    def __init__(
        self,
        pictures: PileDataset,
        settings: TrainingSettings,
        mean: Sequence[float],
        std: Sequence[float],
        title: str = "Reading pictures",
    ) -> None:
        """Take a dataset without a transform, and read all of it if it fits ``settings.cache_mb``.

        Args:
            pictures: gives (H, W, 3) uint8.
            settings: size, augmentation, seed, cache.
            mean: per channel, of pictures scaled to 0..1.
            std: per channel, of pictures scaled to 0..1.
            title: what the progress of reading is called.
        """
        self._pictures, self._settings = pictures, settings
        size = settings.input_size_px
        self._resize = resize_transform(size)
        self._plain = eval_transform(size, mean, std)
        self._varied = train_transform(size, mean, std, settings.augment)
        self.targets = torch.from_numpy(np.asarray(pictures.targets, dtype=np.float32))  # (N, C)
        self._cache: npt.NDArray[np.uint8] | None = None  # (N, S, S, 3)
        if len(self) * size * size * 3 <= settings.cache_mb * 2**20:
            self._cache = self._read_all(title)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self._pictures)

    def __getitem__(self, key: Key) -> Batch:
        """Return picture `index` as `epoch` sees it: (3, S, S) float32, with its targets (C,)."""
        epoch, index = key
        image = self._resized(index) if self._cache is None else self._cache[index]
        if epoch == 0:
            return self._plain(image=image)["image"], self.targets[index]
        seed_transform(self._varied, stream(self._settings.seed, AUGMENT, epoch, index))
        return self._varied(image=image)["image"], self.targets[index]

    def training_batches(self, epoch: int) -> Iterator[Batch]:
        """Yield the shuffled, varied batches of `epoch`, from 1."""
        order = epoch_batches(self._settings.seed, epoch, len(self), self._settings.batch_size)
        return iter(self._loader([[(epoch, int(index)) for index in batch] for batch in order]))

    def plain_batches(self) -> Iterator[Batch]:
        """Yield all pictures in order, unvaried."""
        size = self._settings.batch_size
        starts = range(0, len(self), size)
        return iter(self._loader([[(0, i) for i in range(s, min(s + size, len(self)))] for s in starts]))

    def _loader(self, keys: list[list[Key]]) -> DataLoader[Batch]:
        # One loader an epoch: the keys carry the epoch, so that no worker has to be told about it.
        return DataLoader(
            self,
            batch_sampler=keys,
            num_workers=self._settings.workers,
            worker_init_fn=_one_thread,
            pin_memory=torch.cuda.is_available(),
        )

    def _resized(self, index: int) -> Any:
        return self._resize(image=self._pictures[index].image)["image"]

    def _read_all(self, title: str) -> npt.NDArray[np.uint8]:
        size = self._settings.input_size_px
        images = np.empty((len(self), size, size, 3), dtype=np.uint8)
        with Progress(title, len(self), "pictures") as progress:
            loader = DataLoader(
                _Resized(self), batch_size=None, num_workers=self._settings.workers, worker_init_fn=_one_thread
            )
            for index, image in enumerate(loader):
                images[index] = image
                progress.advance()
        return images


class _Resized(Dataset[npt.NDArray[np.uint8]]):
    """The pictures of a `Pictures`, resized and not yet normalised."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        image: npt.NDArray[np.uint8] = self._pictures._resized(index)
        return image


def _one_thread(_worker: int) -> None:
    cv2.setNumThreads(0)  # each worker is one thread; OpenCV would start one a core in every worker
