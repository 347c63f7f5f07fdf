"""One picture with maps of it: those that a run holds, and those that are made on the spot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import BrickbenchError, SettingsError
from core.settings import near_matches
from dataset.pile_dataset import PileDataset
from explain.baselines import class_masks
from explain.draw import Picture
from explain.forward import ask
from explain.methods import METHODS, attribute, create_method, find_method, for_network
from explain.protocol import Method
from explain.store import Attribution, load_maps, read_attributions
from training.network.devices import choose_device
from training.run.checkpoint import Checkpoint, resolve_checkpoint
from training.run.run import Run

Mask = NDArray[np.bool_]
Methods = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class ShownMap:
    """One map with what is known of it."""

    method: str
    method_settings_hash: str
    checkpoint: str
    part_id: str
    values: NDArray[Any]
    """(h, w), raw."""
    is_new: bool = False
    """Made on the spot, and not kept."""


@dataclass(frozen=True)
class ExplainedPicture:
    """A picture of a dataset with maps of it."""

    image_id: str
    picture: Picture
    masks: Mapping[str, Mask]
    """Visible pixels of each labelled part; all False where a photo's bricks were not outlined."""
    names: Mapping[str, str]
    """Of the dataset's parts."""
    maps: Sequence[ShownMap]
    """In the order of parts, then of the registry."""
    logits: Mapping[str, float] = field(default_factory=dict)
    """Of each part, where the network was at hand."""

    @property
    def parts(self) -> list[str]:
        """part_ids that have a map."""
        return list(dict.fromkeys(one.part_id for one in self.maps))

    def of(self, part_id: str) -> list[tuple[str, ShownMap]]:
        """Return the maps of a part with titles; those of one method are told apart by settings and checkpoint."""
        maps = [one for one in self.maps if one.part_id == part_id]
        names = [one.method for one in maps]
        return [
            (
                METHODS[one.method].title
                + (f" {one.method_settings_hash[:6]} {one.checkpoint}" if names.count(one.method) > 1 else ""),
                one,
            )
            for one in maps
        ]


def picture_index(pictures: PileDataset, image_id: str) -> int:
    """Return the index of a picture in `pictures`; raises SettingsError if there is none of that name."""
    if image_id not in pictures.image_ids:
        hint = near_matches(image_id, list(pictures.image_ids))
        raise SettingsError(f"There is no picture {image_id!r} in {pictures.root}{hint}.")
    return pictures.image_ids.index(image_id)


class MapCollector:
    """Pictures of a dataset, a run's maps of them, and the run's network, which is loaded when it is needed first."""

    def __init__(
        self,
        run: Run,
        methods: Methods | None = None,
        *,
        checkpoint: str | None = None,
        device: str = "cpu",
    ) -> None:
        """Read the index and the rows of all maps.

        Args:
            run: a run; its dataset has the pictures.
            methods: name to settings that differ from the method's defaults; maps that the run lacks are made. A method
                without settings takes the run's maps by any settings. None takes all that the run holds.
            checkpoint: the only one whose maps are taken; None takes all, and makes new ones by the best.
            device: where the network runs.

        Raises:
            SettingsError: an unknown method.
        """
        self.run, self._device = run, device
        self._methods, self._checkpoint = methods, checkpoint
        for name in methods or ():
            find_method(name)
        self.pictures = run.dataset.pictures(None, with_masks=True)
        self._names = {part.part_id: part.name for part in run.dataset.parts}
        self._rows: dict[str, list[Attribution]] = {}
        only = None if checkpoint is None else resolve_checkpoint(run.folder, checkpoint).stem
        for row in read_attributions(run.folder):
            if only in (None, row.checkpoint):
                self._rows.setdefault(row.image_id, []).append(row)
        self._network: Checkpoint | None = None
        self._made: dict[str, Method] = {}

    @property
    def network(self) -> Checkpoint:
        """The run's network."""
        if self._network is None:
            self._network = self.run.load(self._checkpoint or "best", choose_device(self._device))
        return self._network

    def explained(self, image_id: str, part_ids: Sequence[str] | None = None) -> ExplainedPicture:
        """Return a picture with its maps.

        Args:
            image_id: the picture.
            part_ids: which parts; None for those that the run has explained in it, else those that are in it.

        Raises:
            SettingsError: no such picture, or a part that the network does not know.
            BrickbenchError: no methods were named and the run has no map of it.
        """
        index = picture_index(self.pictures, image_id)
        masks = self.pictures.masks(index)
        rows = [
            row
            for row in self._rows.get(image_id, [])
            if (part_ids is None or row.part_id in part_ids) and (self._methods is None or row.method in self._methods)
        ]
        if self._methods is None and not rows:
            raise BrickbenchError(
                f"{self.run.folder} has no map of {image_id}{f' for part {part_ids[0]}' if part_ids else ''}: "
                f"make them with `brickbench explain run {self.run.folder}`, or name --methods to make them now."
            )
        maps = self._stored(rows)
        if self._methods is not None:
            parts = part_ids or sorted({row.part_id for row in rows}) or self._likely(index)
            maps += self._lacking(index, parts, maps)
        order = list(METHODS)
        maps.sort(key=lambda one: (one.part_id, order.index(one.method), one.checkpoint, one.method_settings_hash))
        logits = {} if self._network is None else self.logits(index)
        return ExplainedPicture(image_id, self.pictures.image(index), masks, self._names, maps, logits)

    def logits(self, index: int) -> dict[str, float]:
        """Return the network's logit of each part it knows for a picture."""
        image = self.network.network_input(self.pictures.image(index))[None]
        with torch.inference_mode():
            logits = ask(self.network.model, image)[0].cpu().tolist()
        return dict(zip(self.network.classes, logits, strict=True))

    def _likely(self, index: int) -> list[str]:
        """Return the parts in a picture, else the one that the network holds for the likeliest."""
        targets = zip(self.pictures.classes, self.pictures.targets[index], strict=True)
        labelled = [part for part, target in targets if target and part in self.network.classes]
        logits = self.logits(index)
        return labelled or [max(logits, key=lambda part: logits[part])]

    def _stored(self, rows: Sequence[Attribution]) -> list[ShownMap]:
        ordered = sorted(rows, key=lambda row: (row.file, row.row))
        return [
            ShownMap(row.method, row.method_settings_hash, row.checkpoint, row.part_id, np.array(values))
            for row, values in zip(ordered, load_maps(self.run.folder, ordered), strict=True)
        ]

    def _lacking(self, index: int, parts: Sequence[str], stored: list[ShownMap]) -> list[ShownMap]:
        """Return new maps of what was asked for and is not `stored`; take from it what has other settings."""
        made: list[ShownMap] = []
        for name, settings in (self._methods or {}).items():
            if settings:
                digest = self._method(name).settings.digest()
                stored[:] = [one for one in stored if one.method != name or one.method_settings_hash == digest]
            lacking = [part for part in parts if (name, part) not in {(one.method, one.part_id) for one in stored}]
            made += self._make(index, name, lacking) if lacking else []
        return made

    def _make(self, index: int, name: str, parts: Sequence[str]) -> list[ShownMap]:
        network, method = self.network, self._method(name)
        for part in parts:
            if part not in network.classes:
                raise SettingsError(f"The network has no class {part!r}{near_matches(part, list(network.classes))}.")
        image = network.network_input(self.pictures.image(index))[None]
        indices = [[network.classes.index(part) for part in parts]]
        (maps,) = attribute(name, method, image, indices, lambda: [class_masks(self.pictures, index, parts)])
        digest = method.settings.digest()
        return [
            ShownMap(name, digest, network.name, part, values, is_new=True)
            for part, values in zip(parts, maps, strict=True)
        ]

    def _method(self, name: str) -> Method:
        if name not in self._made:
            given = for_network(name, (self._methods or {})[name], self.network)
            self._made[name] = create_method(name, self.network.model, **given)
        return self._made[name]
