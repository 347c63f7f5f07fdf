"""One picture with maps of it: those that a run holds, and those that are made on the spot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import BrickbenchError, SettingsError
from core.settings import near_matches
from dataset.manifest import Manifest
from dataset.pile_dataset import PileDataset
from explain.baselines.oracle import class_masks
from explain.draw import Picture
from explain.methods import METHODS, attribute, create_method, find_method, with_normalisation
from explain.protocol import Method
from explain.store import Attribution, load_maps, read_attributions
from training.network.devices import choose_device
from training.run.checkpoint import Checkpoint, load_checkpoint, resolve_checkpoint

Mask = NDArray[np.bool_]
Methods = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class Explained:
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
    maps: Sequence[Explained]
    """In the order of parts, then of the registry."""
    logits: Mapping[str, float] = field(default_factory=dict)
    """Of each part, where the network was at hand."""

    @property
    def parts(self) -> list[str]:
        """part_ids that have a map."""
        return list(dict.fromkeys(one.part_id for one in self.maps))

    def of(self, part_id: str) -> list[tuple[str, Explained]]:
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


class Explainer:
    """Pictures of a dataset, a run's maps of them, and the run's network, which is loaded when it is needed first."""

    def __init__(
        self,
        run_folder: Path,
        dataset_root: Path,
        methods: Methods | None = None,
        *,
        checkpoint: str | None = None,
        device: str = "cpu",
    ) -> None:
        """Read the index and the rows of all maps.

        Args:
            run_folder: a run.
            dataset_root: the dataset that its pictures are in.
            methods: name to settings that differ from the method's defaults; maps that the run lacks are made. A method
                without settings takes the run's maps by any settings. None takes all that the run holds.
            checkpoint: the only one whose maps are taken; None takes all, and makes new ones by the best.
            device: where the network runs.

        Raises:
            SettingsError: an unknown method.
        """
        self._run_folder, self._root, self._device = run_folder, dataset_root, device
        self._methods, self._checkpoint = methods, checkpoint
        for name in methods or ():
            find_method(name)
        self.pictures = PileDataset(dataset_root, None, with_masks=True)
        self._places = {image_id: place for place, image_id in enumerate(self.pictures.image_ids)}
        self._names = {part.part_id: part.name for part in Manifest.load_folder(dataset_root).parts}
        self._rows: dict[str, list[Attribution]] = {}
        only = None if checkpoint is None else resolve_checkpoint(run_folder, checkpoint).stem
        for row in read_attributions(run_folder):
            if only in (None, row.checkpoint):
                self._rows.setdefault(row.image_id, []).append(row)
        self._network: Checkpoint | None = None
        self._made: dict[str, Method] = {}

    @property
    def network(self) -> Checkpoint:
        """The run's network."""
        if self._network is None:
            self._network = load_checkpoint(self._run_folder, self._checkpoint or "best", choose_device(self._device))
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
        place = self.place(image_id)
        masks = self.pictures.masks(place)
        rows = [
            row
            for row in self._rows.get(image_id, [])
            if (part_ids is None or row.part_id in part_ids) and (self._methods is None or row.method in self._methods)
        ]
        if self._methods is None and not rows:
            raise BrickbenchError(
                f"{self._run_folder} has no map of {image_id}{f' for part {part_ids[0]}' if part_ids else ''}: "
                f"make them with `brickbench explain run {self._run_folder}`, or name --methods to make them now."
            )
        maps = self._stored(rows)
        if self._methods is not None:
            parts = part_ids or sorted({row.part_id for row in rows}) or self._likely(place)
            maps += self._lacking(place, parts, maps)
        order = list(METHODS)
        maps.sort(key=lambda one: (one.part_id, order.index(one.method), one.checkpoint, one.method_settings_hash))
        logits = {} if self._network is None else self.logits(place)
        return ExplainedPicture(image_id, self.pictures.image(place), masks, self._names, maps, logits)

    def place(self, image_id: str) -> int:
        """Return the place of a picture in `pictures`; raises SettingsError if there is none of that name."""
        if image_id not in self._places:
            hint = near_matches(image_id, list(self._places))
            raise SettingsError(f"There is no picture {image_id!r} in {self._root}{hint}.")
        return self._places[image_id]

    def logits(self, place: int) -> dict[str, float]:
        """Return the network's logit of each part it knows for a picture."""
        image = self.network.network_input(self.pictures.image(place))[None]
        with torch.inference_mode():
            found = self.network.model(image.to(next(self.network.model.parameters()).device))[0].cpu().tolist()
        return dict(zip(self.network.classes, found, strict=True))

    def _likely(self, place: int) -> list[str]:
        """Return the parts in a picture, else the one that the network holds for the likeliest."""
        there = [
            part for part, target in zip(self.pictures.classes, self.pictures.targets[place], strict=True) if target
        ]
        there = [part for part in there if part in self.network.classes]
        logits = self.logits(place)
        return there or [max(logits, key=lambda part: logits[part])]

    def _stored(self, rows: Sequence[Attribution]) -> list[Explained]:
        ordered = sorted(rows, key=lambda row: (row.file, row.row))
        return [
            Explained(row.method, row.method_settings_hash, row.checkpoint, row.part_id, np.array(values))
            for row, values in zip(ordered, load_maps(self._run_folder, ordered), strict=True)
        ]

    def _lacking(self, place: int, parts: Sequence[str], there: list[Explained]) -> list[Explained]:
        """Return new maps of what was asked for and is not `there`; take from it what has other settings."""
        found: list[Explained] = []
        for name, settings in (self._methods or {}).items():
            if settings:
                digest = self._method(name).settings.digest()
                there[:] = [one for one in there if one.method != name or one.method_settings_hash == digest]
            lacking = [part for part in parts if (name, part) not in {(one.method, one.part_id) for one in there}]
            found += self._make(place, name, lacking) if lacking else []
        return found

    def _make(self, place: int, name: str, parts: Sequence[str]) -> list[Explained]:
        network, method = self.network, self._method(name)
        for part in parts:
            if part not in network.classes:
                raise SettingsError(f"The network has no class {part!r}{near_matches(part, list(network.classes))}.")
        image = network.network_input(self.pictures.image(place))[None]
        indices = [[network.classes.index(part) for part in parts]]
        (maps,) = attribute(name, method, image, indices, lambda: [class_masks(self.pictures, place, parts)])
        digest = method.settings.digest()
        return [
            Explained(name, digest, network.name, part, values, is_new=True)
            for part, values in zip(parts, maps, strict=True)
        ]

    def _method(self, name: str) -> Method:
        if name not in self._made:
            given = with_normalisation(name, (self._methods or {})[name], self.network.mean, self.network.std)
            self._made[name] = create_method(name, self.network.model, **given)
        return self._made[name]
