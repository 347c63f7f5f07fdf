"""A dataset's folder, opened: what it promises, its index, its pictures. It is passed on instead of a path."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from dataset.database import MEMORY_LIMIT, open_index
from dataset.manifest import Manifest, PartInfo

if TYPE_CHECKING:
    from dataset.pile_dataset import PileDataset


@dataclass(frozen=True)
class DatasetFolder:
    """A dataset. It holds no connection: the index is open only within ``with``, so that others may write to it."""

    root: Path
    manifest: Manifest

    @classmethod
    def open(cls, root: Path) -> "DatasetFolder":
        """Return the dataset in the folder `root`; raises as `Manifest.load_folder`."""
        return cls(root, Manifest.load_folder(root))

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.root.resolve().name

    @property
    def parts(self) -> tuple[PartInfo, ...]:
        """Its part types, in the order of class_index."""
        return self.manifest.parts

    def index(self, memory_limit: str = MEMORY_LIMIT) -> duckdb.DuckDBPyConnection:
        """Return a read-only connection to its index, for ``with``; raises as `dataset.database.open_index`."""
        return open_index(self.root, memory_limit=memory_limit)

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of one question to its index."""
        with self.index() as index:
            return index.execute(sql, list(parameters)).fetchall()

    def pictures(
        self,
        split: str | None,
        classes: Sequence[str] | None = None,
        *,
        transform: Callable[..., Any] | None = None,
        with_masks: bool = False,
        with_twins: bool = False,
        sources: Sequence[str] | None = None,
    ) -> "PileDataset":
        """Return the pictures of one split, or of all if it is None; arguments and errors as of `PileDataset`."""
        from dataset.pile_dataset import SOURCES, PileDataset  # torch, which many questions do without

        return PileDataset(
            self.root,
            split,
            classes,
            transform,
            with_masks,
            with_twins,
            SOURCES if sources is None else sources,
            manifest=self.manifest,
        )
