"""The pictures of a dataset as samples: each a function of (seed, epoch, picture, repeat), whoever makes it."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from dataset.loading.augment import AugmentSettings
from dataset.loading.backgrounds import Backgrounds
from dataset.loading.batches import Key
from dataset.loading.blocks import Blocks
from dataset.loading.bricks import BrickMap, Bricks, resize_map
from dataset.loading.cache import mask_source, pack_brick_maps, pack_pictures, picture_files
from dataset.loading.network_input import Image, empty_pictures, resize_picture
from dataset.loading.randomness import AUGMENT, stream
from dataset.loading.settings import LoadingSettings
from dataset.loading.variation import Variation
from dataset.pile_dataset import PileDataset


class Batch(NamedTuple):
    """What a step takes."""

    images: Tensor
    """(N, 3, S, S) float32, normalised, channels last in memory; from `Samples` (N, S, S, 3) uint8: a quarter of the
    bytes cross from process to process, and to a GPU."""
    targets: Tensor
    """(N, C) float32: 1 where the picture shows the part."""
    indices: Tensor
    """(N,) int64: place of each picture in its dataset."""
    masks: Tensor | None = None
    """(N, C, S, S) bool: where each part is seen, also bricks too hidden to be a label; None unless asked for."""
    has_mask: Tensor | None = None
    """(N,) bool: whether the masks of a picture are known; where not, its `masks` are empty. None unless asked for."""


class Samples(Dataset[Batch]):
    """Pictures of one `PileDataset`, resized and varied; `targets`, (N, C) float32, are before any crop."""

    def __init__(
        self,
        pictures: PileDataset,
        settings: LoadingSettings,
        *,
        varied: bool = True,
        with_masks: bool = False,
        title: str = "Packing pictures",
    ) -> None:
        """Take a dataset without a transform, and pack its pictures if they fit ``settings.cache_mb``.

        Not `varied`, nothing is read for epochs above 0. Batches hold masks if `with_masks`; `title` names the
        progress.

        Raises:
            BrickbenchError: a picture is missing or damaged, the cache cannot be written, or there are no backgrounds.
        """
        self.targets = torch.from_numpy(np.asarray(pictures.targets, dtype=np.float32))
        self._targets = np.asarray(pictures.targets, dtype=np.float32)
        self._pictures, self._settings, self._with_masks = pictures, settings, with_masks
        self._is_real = pictures.source_is_real
        kept = settings.kept_size_px
        backgrounds = Backgrounds(settings.backgrounds, kept) if varied and settings.backgrounds is not None else None
        sorts = (settings.augment_renders, settings.augment_photos)
        self._variations = [Variation(sort, settings.input_size_px, backgrounds) for sort in sorts]
        self._cuts = [_cuts(sort) for sort in sorts]
        present = [sort for sort, real in zip(sorts, (False, True), strict=True) if (self._is_real == real).any()]
        pastes = backgrounds is not None and any(sort.paste for sort in present)
        self._bricks: Bricks | None = None
        if with_masks or (varied and (pastes or any(_cuts(sort) for sort in present))):
            self._bricks = Bricks(pictures)

        self._packed: tuple[Blocks, npt.NDArray[np.int64]] | None = None
        self._packed_maps: tuple[Blocks, npt.NDArray[np.int64]] | None = None
        layers = 3 if self._bricks is None else 4
        if len(pictures) * kept * kept * layers <= settings.cache_mb * 2**20:
            files = picture_files(pictures.root, pictures.image_ids)
            self._packed = pack_pictures(pictures.root, files, kept, settings.workers, title)
            if self._bricks is not None:
                self._packed_maps = pack_brick_maps(pictures.root, self._bricks, len(self), kept, settings.workers)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self._pictures)

    def __getitem__(self, key: Key) -> Batch:
        """Return one sample as a batch of one."""
        return self.__getitems__([key])

    def __getitems__(self, keys: list[Key]) -> Batch:
        """Return the batch of these samples; torch's loader calls this, and no collating follows."""
        size = self._settings.input_size_px
        images = empty_pictures(len(keys), size, shared=get_worker_info() is not None)
        out = images.numpy()
        targets = np.empty((len(keys), self._targets.shape[1]), dtype=np.float32)
        masks = np.zeros((len(keys), targets.shape[1], size, size), dtype=np.bool_) if self._with_masks else None
        for row, key in enumerate(keys):
            out[row], targets[row], brick_map = self.sample(key)
            if masks is not None and self._bricks is not None and brick_map is not None:
                masks[row] = self._bricks.class_masks(key.picture, brick_map, len(masks[row]))
        indices = torch.tensor([key.picture for key in keys])
        if masks is None or self._bricks is None:
            return Batch(images, torch.from_numpy(targets), indices)
        has_mask = torch.from_numpy(self._bricks.masked[indices.numpy()])
        return Batch(images, torch.from_numpy(targets), indices, torch.from_numpy(masks), has_mask)

    def picture(self, index: int) -> Image:
        """Return picture `index` at its working size, (S, S, 3) uint8, from the cache if there is one."""
        if self._packed is None:
            return resize_picture(self._pictures.image(index), self._settings.kept_size_px)
        blocks, places = self._packed
        return blocks.read(places[index])

    def brick_map(self, index: int) -> BrickMap | None:
        """Return the brick map of picture `index` at its working size, (S, S); None if its masks are not known."""
        if self._bricks is None or not self._bricks.masked[index]:
            return None
        if self._packed_maps is not None:
            blocks, places = self._packed_maps
            return blocks.read(places[index])
        return mask_source(self._bricks, index).read(self._pictures.root, self._settings.kept_size_px)

    def sample(self, key: Key) -> tuple[Image, npt.NDArray[np.float32], BrickMap | None]:
        """Return picture (S, S, 3) uint8, labels (C,) and, where masks are wanted, brick map (S, S) of a sample."""
        settings, index, target = self._settings, key.picture, self._targets[key.picture]
        image, brick_map, size = self.picture(index), self.brick_map(index), settings.input_size_px
        if key.epoch == 0:
            return resize_picture(image, size), target, None if brick_map is None else resize_map(brick_map, size)
        numbers = stream(settings.seed, AUGMENT, key.epoch, index, key.repeat)
        source = int(self._is_real[index])
        # Whether masks were asked for must not decide labels: bricks count only where the settings cut.
        placed = self._bricks is not None and self._cuts[source] and bool(self._bricks.placed[index])
        result = self._variations[source](image, numbers, brick_map, crop=placed, keep_map=self._with_masks)
        if self._bricks is not None and placed:
            kept = settings.kept_size_px
            target = self._bricks.target_in_frame(index, target, result.matrix, brick_map, kept, size)
        return result.image, target, result.brick_map


def _cuts(settings: AugmentSettings) -> bool:
    """Return whether bricks may be cut off, so that labels must be looked at."""
    return settings.crop_area_min < 1 or settings.crop_stretch > 1 or settings.perspective > 0
