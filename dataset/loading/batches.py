"""Which pictures come in which batch: a function of seed and epoch, the same for any number of ranks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from core.errors import BrickbenchError, SettingsError
from dataset.loading.randomness import MIX, ORDER, stream

RENDERS, PHOTOS = 0, 1


class Key(NamedTuple):
    """What a sample is a function of, besides the seed."""

    epoch: int
    """From 1; 0 stands for the picture unvaried."""
    picture: int
    """Place of the picture in its dataset."""
    repeat: int = 0
    """How often the epoch has shown this picture before: every showing is varied in its own way."""


@dataclass(frozen=True)
class BatchPlan:
    """The batches of every epoch.

    An epoch has as many pictures as the dataset, whatever the mix. Without `photo_share` each comes once. With it, each
    batch holds that share of photos: after b batches, as many photos as the share of all pictures so far, rounded, so
    that batches differ by one at most. Photos are dealt from a shuffled deck that goes on where the epoch before
    stopped and is shuffled anew when it is used up; so are renders. So the scarcer source is repeated within an epoch,
    the other one takes several epochs, and both are seen evenly.
    """

    is_real: npt.NDArray[np.bool_]
    """(N,): which pictures are photos."""
    batch_size: int
    """Pictures a batch over all ranks; the batches of an epoch differ by one at most."""
    seed: int
    photo_share: float | None = None
    rank: int = 0
    """Which of the processes that train together this is."""
    ranks: int = 1
    """How many they are: each takes every so many-th picture of each batch, so all have as many batches."""

    def __post_init__(self) -> None:
        """Refuse what cannot be dealt."""
        count = len(self.is_real)
        if not 0 <= self.rank < self.ranks:
            raise SettingsError(f"rank {self.rank} should be 0 to {self.ranks - 1}, as there are {self.ranks} ranks.")
        if count // -(-count // self.batch_size) < self.ranks:
            raise SettingsError(
                f"{self.ranks} ranks cannot share batches of {self.batch_size} of {count} pictures: give every rank at "
                "least one picture of each batch."
            )
        share = self.photo_share
        for name, missing in (("photo", self.is_real.sum() == 0), ("render", self.is_real.all())):
            wanted = share is not None and (share > 0 if name == "photo" else share < 1)
            if wanted and missing:
                raise BrickbenchError(
                    f"photo_share {share:g} asks for {name}s, and there is none among the {count} pictures: add some, "
                    "or leave it out."
                )

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return -(-len(self.is_real) // self.batch_size)

    def whole_batches(self, epoch: int) -> list[list[Key]]:
        """Return the batches of `epoch`, from 1, for all ranks together: photos first."""
        count = len(self.is_real)
        if self.photo_share is None:
            order = stream(self.seed, ORDER, epoch).permutation(count)
            # Spreading the remainder keeps batch normalisation from meeting a last batch of one picture.
            return [
                [Key(epoch, int(i)) for i in sorted(batch, key=lambda i: not self.is_real[i])]
                for batch in np.array_split(order, len(self))
            ]
        ends = np.cumsum([len(part) for part in np.array_split(np.arange(count), len(self))])
        photo_ends = np.floor(ends * self.photo_share + 0.5).astype(np.int64)
        photos = self._dealt(PHOTOS, epoch, int(photo_ends[-1]))
        renders = self._dealt(RENDERS, epoch, count - int(photo_ends[-1]))
        batches = []
        for first, last, photo_first, photo_last in zip(
            [0, *ends[:-1]], ends, [0, *photo_ends[:-1]], photo_ends, strict=True
        ):
            batches.append(photos[photo_first:photo_last] + renders[first - photo_first : last - photo_last])
        return batches

    def batches(self, epoch: int, start: int = 0) -> Iterator[list[Key]]:
        """Yield what this rank takes of the batches of `epoch`, from batch `start` on."""
        for batch in self.whole_batches(epoch)[start:]:
            yield batch[self.rank :: self.ranks]

    def _dealt(self, source: int, epoch: int, count: int) -> list[Key]:
        """Return the next `count` pictures of one source's decks, after those of the epochs before."""
        members = np.flatnonzero(self.is_real == bool(source))
        keys: list[Key] = []
        place = (epoch - 1) * count
        shown: dict[int, int] = {}
        while len(keys) < count:
            deck, at = divmod(place + len(keys), len(members))
            order = members[stream(self.seed, MIX, source, deck).permutation(len(members))]
            for index in order[at : at + count - len(keys)].tolist():
                keys.append(Key(epoch, index, shown.get(index, 0)))
                shown[index] = shown.get(index, 0) + 1
        return keys
