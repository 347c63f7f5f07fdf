"""Pictures, labels and masks of a dataset, as networks and explanations take them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
from torch.utils.data import Dataset

from core.errors import BrickbenchError, SettingsError
from core.settings import near_matches, require_known
from dataset.database import open_index, require_current
from dataset.manifest import Manifest
from dataset.masks import BoolMask, decode_union
from dataset.pictures import read_picture
from dataset.splits import SPLITS


class Sample(NamedTuple):
    """One picture: its id, the image (H, W, 3) uint8 RGB or what the transform made of it, targets (C,) float32."""

    image_id: str
    image: Any
    target: npt.NDArray[np.float32]


SOURCES = ("synthetic", "real")
_SELECTED = "split IN (SELECT unnest(?)) AND source IN (SELECT unnest(?)) AND (?::BOOLEAN OR twin_of IS NULL)"


class PileDataset(Dataset[Sample]):
    """The pictures of one split with their multi-hot labels, in the order of their image_id.

    Everything is read from the index once, and no connection is held: instances can be sent to worker processes.

    Attributes:
        root: the dataset's folder.
        manifest: what it promises.
        classes: part_ids, one a column of `targets`.
        image_ids: one a picture.
        groups: (N,) int64, equal for views of a pile and for photos that are duplicates: resample these, not pictures.
        source_is_real: (N,) bool, False for renders.
        targets: (N, C) float32, 1 where the image has the label.
    """

    def __init__(
        self,
        root: Path,
        split: str | None,
        classes: Sequence[str] | None = None,
        transform: Callable[..., Any] | None = None,
        with_masks: bool = False,
        with_twins: bool = False,
        sources: Sequence[str] = SOURCES,
        *,
        manifest: Manifest | None = None,
    ) -> None:
        """Read the index.

        Args:
            root: the dataset's folder.
            split: ``train``, ``val`` or ``test``; None for all pictures.
            classes: the part_ids wanted, in the order wanted; None for all, in the order of class_index.
            transform: called as ``transform(image=image)["image"]``, as albumentations does.
            with_masks: also read the masks, for `masks` and `all_bricks_mask`.
            with_twins: also the pictures that differ from another in one thing, beside their originals.
            sources: ``synthetic`` for renders, ``real`` for photos.
            manifest: that of `root`; None reads it.

        Raises:
            SettingsError: an unknown split or source.
            BrickbenchError: an unknown class, no picture in the split, or none with a label.
        """
        if split is not None:
            require_known("split", split, SPLITS)
        for source in sources:
            require_known("source", source, SOURCES)
        self.root = Path(root)
        self.split = split
        self.with_twins = with_twins
        self.sources = tuple(sources)
        self._selection = [list(SPLITS) if split is None else [split], list(sources), with_twins]
        self._transform = transform
        self.manifest = manifest or Manifest.load_folder(self.root)
        known = tuple(part.part_id for part in self.manifest.parts)
        self.classes = tuple(known if classes is None else classes)
        _require_classes(self.root, self.classes, known)
        with open_index(self.root) as connection:
            require_current(connection, self.root, self.manifest)
            self._read_images(connection)
            self.targets = self._read_targets(connection)
            self._masks = _MaskText(connection, self._selection, self.image_ids) if with_masks else None

    def __len__(self) -> int:
        """Return the number of pictures N."""
        return len(self.image_ids)

    def __getitem__(self, index: int) -> Sample:
        """Return picture `index`, 0 to N - 1, transformed if there is a transform.

        Raises:
            BrickbenchError: its file is missing, or is not the one that the index knows.
        """
        image = self.image(index)
        transformed = image if self._transform is None else self._transform(image=image)["image"]
        return Sample(self.image_ids[index], transformed, self.targets[index])

    def image(self, index: int) -> npt.NDArray[np.uint8]:
        """Return picture `index` as it is stored, (H, W, 3) uint8 RGB."""
        height, width = (int(n) for n in self._sizes[index])
        content_hash = self._hashes[index].tobytes().hex()
        return read_picture(self.root, self._files[index], content_hash, width, height)

    def masks(self, index: int) -> dict[str, BoolMask]:
        """Return the visible mask (H, W) bool of each labelled part of picture `index`, all its bricks together.

        Bricks of that part which are too hidden to be a label themselves belong to the mask all the same.

        Raises:
            ValueError: the dataset was made without `with_masks`.
        """
        height, width = (int(n) for n in self._sizes[index])
        labelled = [name for name, target in zip(self.classes, self.targets[index], strict=True) if target]
        bricks = self._mask_text().of(index)
        return {
            name: decode_union((rle for part_id, rle in bricks if part_id == name), height, width) for name in labelled
        }

    def all_bricks_mask(self, index: int) -> BoolMask:
        """Return where picture `index` shows any brick, of any part: (H, W) bool.

        Raises:
            ValueError: the dataset was made without `with_masks`.
        """
        height, width = (int(n) for n in self._sizes[index])
        return decode_union((rle for _, rle in self._mask_text().of(index)), height, width)

    def _mask_text(self) -> "_MaskText":
        if self._masks is None:
            raise ValueError("masks were not read: make the PileDataset with with_masks=True")
        return self._masks

    def _read_images(self, connection: duckdb.DuckDBPyConnection) -> None:
        rows = connection.execute(
            "SELECT image_id, file, content_hash, height, width, group_code, source = 'real' AS is_real FROM "
            "(SELECT *, dense_rank() OVER (ORDER BY group_id) - 1 AS group_code FROM images) "  # alike in all splits
            f"WHERE {_SELECTED} ORDER BY image_id",
            self._selection,
        ).fetchnumpy()
        self.image_ids = tuple(map(str, rows["image_id"]))
        self._files = tuple(map(str, rows["file"]))
        hashes = bytes.fromhex("".join(rows["content_hash"]))
        self._hashes = np.frombuffer(hashes, dtype=np.uint8).reshape(-1, 32)  # (N, 32)
        self._sizes = np.stack([rows["height"], rows["width"]], axis=1).astype(np.int32)  # (N, 2)
        self.groups = np.asarray(rows["group_code"], dtype=np.int64)
        self.source_is_real = np.asarray(rows["is_real"], dtype=np.bool_)
        if not self.image_ids:
            splits = connection.execute("SELECT split, count(*) FROM images GROUP BY split ORDER BY split").fetchall()
            held = ", ".join(f"{count} in {name}" for name, count in splits) or "none at all"
            what = "photo" if self.sources == ("real",) else "render" if self.sources == ("synthetic",) else "image"
            raise BrickbenchError(
                f"The dataset {self.root} has no {what}{f' in split {self.split!r}' if self.split else ''} ({held}). "
                "Render more piles or import more photos, or change the shares with `brickbench dataset split`."
            )

    def _read_targets(self, connection: duckdb.DuckDBPyConnection) -> npt.NDArray[np.float32]:
        rows = connection.execute(
            "SELECT image_id, part_id FROM labels WHERE part_id IN (SELECT unnest(?)) AND "
            f"image_id IN (SELECT image_id FROM images WHERE {_SELECTED})",
            [list(self.classes), *self._selection],
        ).fetchnumpy()
        row_of = {image_id: row for row, image_id in enumerate(self.image_ids)}
        column_of = {part_id: column for column, part_id in enumerate(self.classes)}
        targets = np.zeros((len(self.image_ids), len(self.classes)), dtype=np.float32)
        for image_id, part_id in zip(rows["image_id"], rows["part_id"], strict=True):
            targets[row_of[image_id], column_of[part_id]] = 1.0
        if not targets.any():
            raise BrickbenchError(
                f"No image of {self.root}{f' in split {self.split!r}' if self.split else ''} has a label of the "
                f"{len(self.classes)} classes. Lower label_rule in dataset.yaml and run "
                f"`brickbench dataset index {self.root}`, or render piles that show those parts."
            )
        return targets


class _MaskText:
    """The visible masks of some pictures as Arrow text: a million Python objects would be copied into each worker."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, selection: Sequence[object], image_ids: tuple[str, ...]
    ) -> None:
        found = connection.sql(
            "SELECT image_id, part_id, visible_rle FROM instances WHERE visible_px > 0 AND "
            f"image_id IN (SELECT image_id FROM images WHERE {_SELECTED}) ORDER BY image_id, instance_id",
            params=list(selection),
        ).to_arrow_table()
        self._bricks = found.select(["part_id", "visible_rle"])
        owners = found["image_id"].to_numpy()  # in the order of `image_ids`
        self._starts = [*np.searchsorted(owners, np.array(image_ids, dtype=object)).tolist(), len(owners)]

    def of(self, row: int) -> list[tuple[str, str]]:
        """Return (part_id, visible_rle) of each brick seen in picture `row`."""
        start, end = self._starts[row], self._starts[row + 1]
        bricks = self._bricks.slice(start, end - start)
        return list(zip(bricks["part_id"].to_pylist(), bricks["visible_rle"].to_pylist(), strict=True))


def _require_classes(root: Path, classes: tuple[str, ...], known: tuple[str, ...]) -> None:
    for name in classes:
        if name not in known:
            raise BrickbenchError(
                f"The dataset {root} has no part {name!r}{near_matches(name, list(known))}; it has {', '.join(known)}. "
                "Use a dataset rendered with that part, or a network trained on this one's parts."
            )
    if len(set(classes)) != len(classes) or not classes:
        raise SettingsError(f"classes should be one or more distinct part_ids, got {', '.join(classes) or 'none'}.")
