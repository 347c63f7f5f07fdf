"""A dataset in object storage or another shared place: whole shards go there and come back, nothing else is needed.

Each machine renders its share into its own disk and pushes it; one process pulls what all have made, and has the index.
Under URL lie ``dataset.yaml``, ``settings.yaml``, the shards as they are, and under ``complete/`` one empty object for
each shard, written when all its files are there: object stores rename nothing, so that is what makes a shard whole.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec

from core.errors import BrickbenchError
from core.files import atomic_file, atomic_folder, require_writable
from core.progress import Progress
from dataset.index import update_index
from dataset.manifest import MANIFEST_NAME, Manifest
from dataset.shards import SHARDS_FOLDER, list_shards, shard_folder
from render.run import SETTINGS_NAME

COMPLETE = "complete"


def push(root: Path, url: str) -> int:
    """Copy the shards that `url` lacks, and what says how they were made; return how many shards were copied.

    Several machines may push into one place at once: two that have the same shard write the same bytes.

    Args:
        root: the dataset's folder.
        url: such as ``s3://bucket/piles`` or ``gs://bucket/piles``; any that fsspec knows.

    Raises:
        BrickbenchError: `root` is no dataset, the place holds one that was made otherwise, or it cannot be written.
    """
    Manifest.load_folder(root)
    with _reached(url) as (storage, base):
        for name in (MANIFEST_NAME, SETTINGS_NAME):
            if (root / name).is_file():
                _put_once(storage, f"{base}/{name}", (root / name).read_bytes(), root / name, url)
        there = _complete(storage, base)
        missing = [shard for shard in list_shards(root) if shard not in there]
        with Progress("Push", len(missing), "shards") as progress:
            for shard in missing:
                folder = shard_folder(root, shard)
                files = sorted(path for path in folder.rglob("*") if path.is_file())
                places = [f"{base}/{SHARDS_FOLDER}/{shard}/{path.relative_to(folder).as_posix()}" for path in files]
                storage.put([str(path) for path in files], places)
                storage.pipe_file(f"{base}/{COMPLETE}/{shard}", b"")
                progress.advance()
    return len(missing)


def pull(url: str, root: Path) -> int:
    """Copy the shards that `root` lacks, bring them into its index, and return how many they were.

    Raises:
        BrickbenchError: there is no dataset at `url`, `root` holds another one, or it cannot be written.
    """
    require_writable(root)
    with _reached(url) as (storage, base):
        if not storage.exists(f"{base}/{MANIFEST_NAME}"):
            raise BrickbenchError(f"{url} holds no dataset: it has no {MANIFEST_NAME}. Push one there first.")
        for name in (MANIFEST_NAME, SETTINGS_NAME):
            if storage.exists(f"{base}/{name}"):
                _take_once(storage.cat_file(f"{base}/{name}"), root / name, url)
        missing = sorted(_complete(storage, base) - set(list_shards(root)))
        with Progress("Pull", len(missing), "shards") as progress:
            for shard in missing:
                origin = f"{base}/{SHARDS_FOLDER}/{shard}"
                names = [place.removeprefix(f"{origin}/") for place in storage.find(origin)]
                with atomic_folder(shard_folder(root, shard)) as folder:
                    for parent in {(folder / name).parent for name in names}:
                        parent.mkdir(parents=True, exist_ok=True)
                    storage.get([f"{origin}/{name}" for name in names], [str(folder / name) for name in names])
                progress.advance()
    update_index(root)
    return len(missing)


@contextlib.contextmanager
def _reached(url: str) -> Iterator[tuple[Any, str]]:
    """Give the file system of `url` and the path in it; what fails on the way is told in one sentence."""
    try:
        is_folder = "://" not in url or url.startswith("file:")
        storage, base = fsspec.url_to_fs(url, **({"auto_mkdir": True} if is_folder else {}))
        yield storage, base.rstrip("/")
    except ImportError as error:
        raise BrickbenchError(
            f"{url} needs a package that is not installed ({error}): install `s3fs` for s3:// and `gcsfs` for gs://."
        ) from error
    except (OSError, ValueError) as error:
        raise BrickbenchError(f"{url} cannot be reached: {error}. Check the address and the credentials.") from error


def _complete(storage: Any, base: str) -> set[str]:
    """Return the names of the shards that are whole at `base`."""
    with contextlib.suppress(FileNotFoundError):
        return {place.rsplit("/", 1)[-1] for place in storage.find(f"{base}/{COMPLETE}")}
    return set()


def _put_once(storage: Any, place: str, data: bytes, path: Path, url: str) -> None:
    if not storage.exists(place):
        storage.pipe_file(place, data)
    elif storage.cat_file(place) != data:
        raise BrickbenchError(f"{url} holds a dataset that was made otherwise: its {path.name} is not that of {path}.")


def _take_once(data: bytes, path: Path, url: str) -> None:
    if not path.is_file():
        with atomic_file(path) as temporary:
            temporary.write_bytes(data)
    elif path.read_bytes() != data:
        raise BrickbenchError(f"{path.parent} holds a dataset that was made otherwise: its {path.name} is not {url}'s.")
