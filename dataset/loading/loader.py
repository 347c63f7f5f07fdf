"""Batches for training: from a dataset to torch's DataLoader, deterministic, resumable, sharded."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from core.errors import SettingsError
from core.files import sha256_hex
from dataset.loading.batches import BatchPlan, Key
from dataset.loading.network_input import IMAGENET_MEAN, IMAGENET_STD, Normalizer
from dataset.loading.samples import Batch, Samples
from dataset.loading.settings import LoadingSettings
from dataset.loading.variation import one_thread
from dataset.pile_dataset import PileDataset


class _Schedule(Sampler[list[Key]]):
    """The batches that torch's loader is to fetch next; it is told before each pass."""

    def __init__(self) -> None:
        self.batches: list[list[Key]] = []

    def __iter__(self) -> Iterator[list[Key]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


class PictureLoader:
    """Batches of one `PileDataset`, epoch after epoch.

    Every sample is a function of (seed, epoch, picture, repeat) and every batch of (seed, epoch): neither the number of
    workers nor the cache changes a bit of them. With several ranks each takes its part of the same batches.

    Attributes:
        targets: (N, C) float32, before any crop.
        samples: what makes single samples.
    """

    def __init__(
        self,
        pictures: PileDataset,
        settings: LoadingSettings,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        *,
        varied: bool = True,
        with_masks: bool = False,
        rank: int = 0,
        ranks: int = 1,
        device: torch.device | str = "cpu",
        title: str = "Packing pictures",
    ) -> None:
        """Pack what is to be packed, and start nothing else yet.

        The `pictures` have no transform. Of pictures scaled to 0..1, `mean` and `std` are those of each channel. Not
        `varied`, pictures are only asked for unvaried, as for validation; `with_masks`, batches hold masks. This is
        process `rank` of the `ranks` that train together, and batches come to `device`. `title` names the progress.

        Raises:
            SettingsError: ranks and batch size do not fit.
            BrickbenchError: what `Samples` and `BatchPlan` raise.
        """
        share = settings.photo_share if varied else None
        self._plan = BatchPlan(pictures.source_is_real, settings.batch_size, settings.seed, share, rank, ranks)
        self.samples = Samples(pictures, settings, varied=varied, with_masks=with_masks, title=title)
        self._normalizer, self._device = Normalizer(mean, std), torch.device(device)
        self.targets: Tensor = self.samples.targets
        identity = f"{settings.batch_digest()} {pictures.classes} {pictures.image_ids}"
        self._identity = sha256_hex(identity.encode())[:12]
        self._epoch, self._delivered = 1, 0
        self._schedule = _Schedule()
        self._loader: DataLoader[Batch] = DataLoader(
            self.samples,
            batch_sampler=self._schedule,
            num_workers=settings.workers,
            collate_fn=_as_it_is,
            worker_init_fn=one_thread,
            pin_memory=self._device.type == "cuda",
            persistent_workers=settings.workers > 0,
            # Torch draws a seed for its workers here, and not from the generator that dropout draws from.
            generator=torch.Generator(),
        )

    def __len__(self) -> int:
        """Return the number of pictures of an epoch, over all ranks."""
        return len(self.samples)

    @property
    def batches(self) -> int:
        """Number of batches of an epoch, the same on every rank."""
        return len(self._plan)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the shuffled, varied batches of `epoch`, from 1, beginning with batch number `start`, from 0."""
        self._schedule.batches = list(self._plan.batches(epoch, start))
        self._epoch, self._delivered = epoch, start
        for batch in self._loader:
            self._delivered += 1
            yield self._finished(batch)

    def rest(self) -> Iterator[Batch]:
        """Yield what is left of the epoch that `load_state_dict` set or that was broken off; then the next one's."""
        if self._delivered >= len(self._plan):
            return self.epoch(self._epoch + 1)
        return self.epoch(self._epoch, self._delivered)

    def plain(self) -> Iterator[Batch]:
        """Yield all pictures in order, unvaried; every rank gets all of them."""
        size, count = self._plan.batch_size, len(self)
        self._schedule.batches = [
            [Key(0, index) for index in range(first, min(first + size, count))] for first in range(0, count, size)
        ]
        for batch in self._loader:
            yield self._finished(batch)

    def state_dict(self) -> dict[str, Any]:
        """Return where the loader is: the epoch, and how many of its batches were taken; plain values."""
        return {"epoch": self._epoch, "batch": self._delivered, "of": self._identity}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where another loader of the same pictures and settings was; `rest` yields what comes next.

        Raises:
            SettingsError: it was a loader of other pictures or settings, which has other batches.
        """
        if state["of"] != self._identity:
            raise SettingsError(
                "The state is that of a loader of other pictures or settings, so its place means nothing here: load "
                "it with the same dataset and settings."
            )
        self._epoch, self._delivered = int(state["epoch"]), int(state["batch"])

    def _finished(self, batch: Batch) -> Batch:
        targets = batch.targets.to(self._device, non_blocking=True)
        return batch._replace(images=self._normalizer.batch(batch.images, self._device), targets=targets)


def make_loader(
    root: Path,
    split: str,
    settings: LoadingSettings,
    *,
    classes: Sequence[str] | None = None,
    varied: bool = True,
    with_masks: bool = False,
    rank: int = 0,
    ranks: int = 1,
    device: torch.device | str = "cpu",
) -> PictureLoader:
    """Return the loader of one split of the dataset `root`, normalised as most networks of timm expect.

    Arguments are those of `PileDataset` and `PictureLoader`.
    """
    pictures = PileDataset(root, split, classes=classes, sources=settings.sources)
    return PictureLoader(
        pictures, settings, varied=varied, with_masks=with_masks, rank=rank, ranks=ranks, device=device
    )


def _as_it_is(batch: Any) -> Any:
    return batch  # `Samples` gives whole batches
