"""An import from end to end: read, prepare, find duplicates, place, write shards, index, report."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import BrickbenchError, SettingsError
from core.progress import Progress
from core.settings import near_matches
from dataset.index import update_index
from dataset.manifest import MANIFEST_NAME, Manifest, PartInfo
from dataset.photos.annotations import AnnotatedPhoto, Annotations, Reason
from dataset.photos.duplicates import find_duplicates, join_pairs
from dataset.photos.fingerprints import join
from dataset.photos.folder import PhotoFolder
from dataset.photos.formats.registry import FORMATS, detect
from dataset.photos.held import HeldPhotos, held_codes, keep_prints, read_held
from dataset.photos.mapping import map_classes
from dataset.photos.plan import Candidate, Place, Plan, plan_splits
from dataset.photos.prepare import STAGED_SCHEMA, Storage, fingerprints_of, instances_of
from dataset.photos.report import ImportReport, save_report
from dataset.photos.settings import PhotoImportSettings
from dataset.photos.staging import clear_staging, locked, read_staged, stage, staging_folder
from dataset.records import PhotoRecord
from dataset.shards import photo_shard, photo_shards, shard_folder, write_photo_shard
from dataset.splits import SPLITS

PHOTOS_PER_SHARD = 256


@dataclass
class _Sorted:
    """Staged photos sorted out: new ones by image_id with the numbers of their copies, and the rest."""

    new: dict[str, dict[str, Any]] = field(default_factory=dict)
    copies_of: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    held: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    set_aside: list[Reason] = field(default_factory=list)


def import_photos(
    source: Path,
    root: Path,
    settings: PhotoImportSettings,
    mapping: Mapping[str, str | None] | None = None,
    workers: int = 1,
) -> ImportReport:
    """Bring the photos of `source` into the dataset `root`, which is made if need be, and return what became of them.

    A killed import goes on when it is started again with the same photos and settings; one of photos that the dataset
    has adds nothing. The report is also written into the folder ``imports`` of the dataset.

    Raises:
        BrickbenchError: `source` is in no known format, or `root` cannot be written.
        SettingsError: classes are unknown, or a setting is wrong; nothing is changed then.
    """
    folder = PhotoFolder(source)
    kind = _format_of(folder, settings.format)
    annotations = FORMATS[kind].read(folder)
    annotations.set_aside += folder.refused
    if not annotations.photos and not annotations.set_aside:
        raise BrickbenchError(
            f"No photos were found in {folder.root} as {kind}. Name another format with --format, or another folder."
        )
    manifest = Manifest.load_folder(root) if (root / MANIFEST_NAME).is_file() else None
    part_of, added = map_classes(
        {name for photo in annotations.photos for name in photo.classes()},
        manifest.parts if manifest else (),
        mapping or {},
        keep_names=settings.keep_names,
        take_targets=manifest is None,
    )
    _leave_out_dropped(annotations, part_of)
    manifest_after = _manifest_after(manifest, added, root)
    storage = Storage(settings.size_px, settings.quality, settings.in_place)
    with locked(root):
        if manifest is not None:
            update_index(root)
        staging = staging_folder(root, folder.root, annotations.photos, part_of, storage)
        known = held_codes(root) if manifest else np.zeros(0, np.uint64)
        files = stage(staging, folder.root, annotations.photos, part_of, storage, known, workers)
        held = read_held(root) if manifest else None
        sorted_out = _sort_out(files, annotations.photos)
        plan = _plan(sorted_out, held, annotations.photos, manifest_after, settings)
        if sorted_out.new:
            manifest_after.save_folder(root)
            _write_shards(root, files, annotations.photos, sorted_out, plan.places, folder.root)
            update_index(root)
        report = ImportReport(
            source=str(folder.root / (folder.chosen or "")),
            format=kind,
            found=len(annotations.photos) + len(annotations.set_aside),
            came_in=len(sorted_out.new),
            already_there=sum(map(len, sorted_out.held.values())),
            copies=sum(len(numbers) - 1 for numbers in sorted_out.copies_of.values()),
            without_labels=sum(not row["labels"] for row in sorted_out.new.values()),
            splits={split: Counter(place.split for place in plan.places.values())[split] for split in SPLITS},
            part_of=part_of,
            set_aside=(*annotations.set_aside, *sorted_out.set_aside),
            left_out=tuple(annotations.left_out),
            duplicates=tuple(plan.duplicates),
            leaks=tuple(plan.leaks),
        )
        save_report(root, folder.name, report)
        clear_staging(root)
    return report


def _format_of(folder: PhotoFolder, name: str | None) -> str:
    if name is None:
        return detect(folder)
    if name not in FORMATS:
        raise SettingsError(
            f"Unknown format {name!r}{near_matches(name, list(FORMATS))}; known are {', '.join(FORMATS)}."
        )
    return name


def _leave_out_dropped(annotations: Annotations, part_of: Mapping[str, str | None]) -> None:
    """Move the photos that show classes, but none that is kept, to what is left out."""
    kept = []
    for photo in annotations.photos:
        classes = photo.classes()
        if classes and all(part_of[name] is None for name in classes):
            annotations.left_out.append(Reason(photo.file, "all of its classes are mapped to null"))
        else:
            kept.append(photo)
    annotations.photos[:] = kept


def _manifest_after(manifest: Manifest | None, added: tuple[PartInfo, ...], root: Path) -> Manifest:
    """Return the manifest with the parts that the import adds, behind those that are there."""
    if manifest is not None:
        return manifest.model_copy(update={"parts": (*manifest.parts, *added)})
    if not added:
        raise BrickbenchError(
            f"The photos name no class that is kept, so the new dataset {root} would have no parts. "
            "Import them into a dataset that has parts, or photos with labels first."
        )
    return Manifest(parts=added)


def _sort_out(files: Sequence[Path], photos: Sequence[AnnotatedPhoto]) -> _Sorted:
    result = _Sorted()
    for row in read_staged(files, with_data=False):
        number, image_id = row["number"], row["image_id"]
        if row["reason"] is not None:
            result.set_aside.append(Reason(photos[number].file, row["reason"]))
        elif row["width"] is None:
            result.held[image_id].append(number)
        else:
            first = result.new.setdefault(image_id, row)
            if not photos[number].objects:  # one photo in two folders of classes shows both
                first["labels"] = sorted({*first["labels"], *row["labels"]})
            result.copies_of[image_id].append(number)
    return result


def _plan(
    found: _Sorted,
    held: HeldPhotos | None,
    photos: Sequence[AnnotatedPhoto],
    manifest: Manifest,
    settings: PhotoImportSettings,
) -> Plan:
    """Return where the new photos go; what a killed import has written of them counts as new: it goes there again."""
    new = pa.Table.from_pylist(list(found.new.values()), schema=STAGED_SCHEMA)
    candidates = [] if held is None else held.candidates
    others = [number for number, candidate in enumerate(candidates) if candidate.image_id not in found.new]
    prints = [fingerprints_of(new)] if held is None else [held.prints.take(others), fingerprints_of(new)]
    known = [
        replace(candidates[number], copies=candidates[number].copies + _copies(found.held, candidates[number], photos))
        for number in others
    ]
    fresh = [Candidate(image_id, (), tuple(row["labels"])) for image_id, row in found.new.items()]
    fresh = [replace(one, copies=_copies(found.copies_of, one, photos)) for one in fresh]
    pairs = find_duplicates(join(prints), settings.near_distance, first_new=len(known))
    components = join_pairs(len(known) + len(fresh), pairs.tolist())
    return plan_splits([*known, *fresh], components.tolist(), manifest.split_rule, keep_leaks=settings.keep_leaks)


def _copies(
    numbers_of: Mapping[str, list[int]], candidate: Candidate, photos: Sequence[AnnotatedPhoto]
) -> tuple[tuple[str, str | None], ...]:
    numbers = numbers_of.get(candidate.image_id, [])
    return tuple((photos[number].file, photos[number].split) for number in numbers)


def _write_shards(
    root: Path,
    files: Sequence[Path],
    photos: Sequence[AnnotatedPhoto],
    found: _Sorted,
    places: Mapping[str, Place],
    folder: Path,
) -> None:
    """Write the new photos into shards behind those that are there, in the order in which they were found."""
    first_numbers = {numbers[0] for numbers in found.copies_of.values()}
    rows = (row for row in read_staged(files, with_data=True) if row["number"] in first_numbers)
    shard = _first_shard(root, set(found.new))
    with Progress("Write", len(found.new), "photos") as progress:
        while some := list(islice(rows, PHOTOS_PER_SHARD)):
            records = []
            for row in some:
                photo = photos[row["number"]]
                records.append((_record(row, photo, found, places[row["image_id"]], folder), row["data"]))
            write_photo_shard(root, shard, records)
            keep_prints(root, photo_shard(shard), pa.Table.from_pylist(some, schema=STAGED_SCHEMA))
            progress.advance(len(some))
            shard += 1


def _record(row: Mapping[str, Any], photo: AnnotatedPhoto, found: _Sorted, place: Place, folder: Path) -> PhotoRecord:
    image_id = row["image_id"]
    return PhotoRecord(
        image_id=image_id,
        group_id=place.group_id,
        file=str(folder / photo.file) if row["data"] is None else f"images/{image_id}.jpg",
        width=row["width"],
        height=row["height"],
        content_hash=row["content_hash"],
        original_file=photo.file,
        split=place.split,
        split_given=place.is_given,
        labels=tuple(found.new[image_id]["labels"]),
        instances=instances_of(row["instances"]),
    )


def _first_shard(root: Path, new: set[str]) -> int:
    """Return the number of the first shard that an import writes: that of a killed one before, or the next free one."""
    numbers = photo_shards(root)
    own = [number for number in numbers if new.intersection(_image_ids(root, number))]
    return min(own) if own else max(numbers, default=-1) + 1


def _image_ids(root: Path, number: int) -> list[str]:
    table = pq.read_table(shard_folder(root, photo_shard(number)) / "images.parquet", columns=["image_id"])
    return list(table["image_id"].to_pylist())
