"""An import from end to end: read, prepare, find duplicates, place, write shards, index, report."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import BrickbenchError
from core.progress import Progress
from core.settings import require_known
from dataset.index import update_index
from dataset.manifest import MANIFEST_NAME, Manifest, PartInfo
from dataset.photos.annotations import AnnotatedPhoto, Annotations, Reason, merged
from dataset.photos.duplicates import find_duplicates, fingerprints_of, join, join_pairs
from dataset.photos.folder import PhotoFolder
from dataset.photos.formats.registry import FORMATS, detect
from dataset.photos.held import HeldPhotos, held_codes, keep_prints, read_held
from dataset.photos.mapping import Catalogue, clean_name, map_classes
from dataset.photos.plan import Candidate, Place, Plan, plan_splits
from dataset.photos.prepare import STAGED_SCHEMA, Storage, instances_of
from dataset.photos.report import ImportReport, save_report
from dataset.photos.settings import PhotoImportSettings
from dataset.photos.staging import clear_staging, locked, read_staged, stage, staging_folder
from dataset.records import PhotoRecord
from dataset.shards import photo_shard, photo_shards, shard_folder, write_photo_shard
from dataset.splits import SPLITS

PHOTOS_PER_SHARD = 256
REASONS_TOLD = 3  # in a sentence; the command lists all


@dataclass(frozen=True)
class PhotoSource:
    """A folder that was read: its format, and all that its annotations say."""

    folder: PhotoFolder
    format: str
    annotations: Annotations


@dataclass
class _Sorted:
    """Staged photos sorted out: new ones by image_id with the numbers of their copies, and the rest."""

    new: dict[str, dict[str, Any]] = field(default_factory=dict)
    copies_of: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    held: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    set_aside: list[Reason] = field(default_factory=list)


def read_photos(source: Path, format_name: str | None = None, part_names: Collection[str] = ()) -> PhotoSource:
    """Return what `source` holds, a folder or the table, COCO or data.yaml file in it.

    Its format is the one of that name in `FORMATS`, or the one that it looks like. Tables have names of parts with
    commas, so those, and numbers of parts, are `part_names`, in lower case.

    Raises:
        BrickbenchError: it is in no known format, its annotations cannot be read, or nothing is there.
        SettingsError: there is no format of that name.
    """
    folder = PhotoFolder(source, part_names)
    if format_name is not None:
        require_known("format", format_name, FORMATS)
    kind = format_name or detect(folder)
    annotations = FORMATS[kind].read(folder)
    annotations.set_aside += folder.refused
    annotations.photos[:], conflicts = merged(annotations.photos)
    annotations.set_aside += conflicts
    if not annotations.photos and not annotations.set_aside:
        raise BrickbenchError(
            f"No photos were found in {folder.root} as {kind}. Name another format with --format, or another folder."
        )
    return PhotoSource(folder, kind, annotations)


def import_photos(
    source: Path | PhotoSource,
    root: Path,
    settings: PhotoImportSettings,
    mapping: Mapping[str, str | None] | None = None,
    workers: int = 1,
    catalogue: Catalogue | None = None,
) -> ImportReport:
    """Bring the photos of `source` into the dataset `root`, which is made if need be, and return what became of them.

    A killed import goes on when it is started again with the same photos and settings; one of photos that the dataset
    has adds nothing. The report is also written into the folder ``imports`` of the dataset.

    Raises:
        BrickbenchError: `source` is in no known format, none of its photos can be used, none has a label and settings
            do not allow that, or `root` cannot be written.
        SettingsError: classes are unknown, or a setting is wrong; nothing is changed then.
    """
    if isinstance(source, Path):
        source = read_photos(source, settings.format)
    folder, annotations = source.folder, source.annotations
    if not annotations.photos:
        raise BrickbenchError(_nothing_left(folder.root, annotations.set_aside))
    manifest = Manifest.load_folder(root) if (root / MANIFEST_NAME).is_file() else None
    _require_labels(annotations.photos, annotations, settings)
    part_of, added = map_classes(
        {name for photo in annotations.photos for name in photo.classes()},
        manifest.parts if manifest else (),
        mapping or {},
        keep_names=settings.keep_names,
        take_targets=manifest is None,
        catalogue=catalogue,
    )
    _leave_out_dropped(annotations, part_of)
    manifest_after = _manifest_after(manifest, added, root, annotations.set_aside)
    if not annotations.photos:
        raise BrickbenchError(f"All classes of the photos in {folder.root} are mapped to null, so none is left.")
    if manifest is None and {photo.split for photo in annotations.photos} == {"train"}:
        annotations.notes.append("All photos come with the split train, so there are none for val and test.")
    storage = Storage(settings.size_px, settings.quality, settings.in_place)
    with locked(root):
        if manifest is not None:
            update_index(root)
        staging = staging_folder(root, folder.root, annotations.photos, part_of, storage)
        known = held_codes(root) if manifest else np.zeros(0, np.uint64)
        files = stage(staging, folder.root, annotations.photos, part_of, storage, known, workers)
        held = read_held(root) if manifest else None
        sorted_out = _sort_out(files, annotations.photos)
        annotations.set_aside += sorted_out.set_aside
        if not (sorted_out.new or sorted_out.held):
            raise BrickbenchError(_nothing_left(folder.root, annotations.set_aside))
        if sorted_out.new and not any(row["labels"] for row in sorted_out.new.values()):
            _require_labels([], annotations, settings)
        plan = _plan(sorted_out, held, annotations.photos, manifest_after, settings)
        if sorted_out.new:
            manifest_after.save_folder(root)
            _write_shards(root, files, annotations.photos, sorted_out, plan.places, folder.root)
            update_index(root)
        notes = [*annotations.notes, *_renamed(part_of), *_other_labels(sorted_out, held, annotations.photos, part_of)]
        report = ImportReport(
            source=str(folder.root / (folder.chosen or "")),
            format=source.format,
            found=len(annotations.photos) + len(annotations.set_aside) - len(sorted_out.set_aside),
            came_in=len(sorted_out.new),
            already_there=sum(map(len, sorted_out.held.values())),
            copies=sum(len(numbers) - 1 for numbers in sorted_out.copies_of.values()),
            without_labels=sum(not row["labels"] for row in sorted_out.new.values()),
            splits={split: Counter(place.split for place in plan.places.values())[split] for split in SPLITS},
            part_of=part_of,
            set_aside=tuple(annotations.set_aside),
            left_out=tuple(annotations.left_out),
            notes=tuple(notes),
            duplicates=tuple(plan.duplicates),
            leaks=tuple(plan.leaks),
        )
        save_report(root, folder.name, report)
        clear_staging(root)
    return report


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


def _nothing_left(root: Path, set_aside: Sequence[Reason]) -> str:
    return (
        f"None of the photos in {root} can be used: {_told(set_aside)}. Mend them, or name another folder or --format."
    )


def _told(reasons: Sequence[Reason]) -> str:
    """Return the files and reasons, the first few of them."""
    listed = "; ".join(f"{reason.file}: {reason.reason}" for reason in reasons[:REASONS_TOLD])
    more = f" and {len(reasons) - REASONS_TOLD} more" if len(reasons) > REASONS_TOLD else ""
    return f"{listed}{more}"


def _require_labels(photos: Sequence[AnnotatedPhoto], annotations: Annotations, settings: PhotoImportSettings) -> None:
    """Raise BrickbenchError if none of `photos` shows any class, unless that was asked for."""
    if settings.allow_unlabelled or any(photo.classes() for photo in photos):
        return
    lost = [reason for reason in (*annotations.set_aside, *annotations.left_out) if reason.labels]
    count = sum(reason.labels for reason in lost)
    unused = f" {count} labels are of no photo that can be used: {_told(lost)}." if lost else ""
    raise BrickbenchError(
        f"None of the photos has a label, so all would count as showing no brick.{unused} Nothing was imported. Check "
        "the names and folders of the label files, or add --allow-unlabelled if the photos show no brick."
    )


def _manifest_after(
    manifest: Manifest | None, added: tuple[PartInfo, ...], root: Path, set_aside: Sequence[Reason]
) -> Manifest:
    """Return the manifest with the parts that the import adds, behind those that are there."""
    if manifest is not None:
        return manifest.model_copy(update={"parts": (*manifest.parts, *added)})
    if not added:
        others = f" Others were set aside: {_told(set_aside)}." if set_aside else ""
        raise BrickbenchError(
            f"The photos name no class that is kept, so the new dataset {root} would have no parts.{others} "
            "Import them into a dataset that has parts, or photos with labels first."
        )
    return Manifest(parts=added)


def _renamed(part_of: Mapping[str, str | None]) -> list[str]:
    """Return sentences on class names that hold what nobody sees."""
    odd = [name for name in part_of if clean_name(name) != name and not name.isprintable()]
    return [f"The class {name!a} has control characters; it is read as {clean_name(name)!r}." for name in odd]


def _other_labels(
    found: _Sorted, held: HeldPhotos | None, photos: Sequence[AnnotatedPhoto], part_of: Mapping[str, str | None]
) -> list[str]:
    """Return a sentence on photos that the dataset has, with other labels than they come with now."""
    if held is None:
        return []
    labels_of = {candidate.image_id: set(candidate.labels) for candidate in held.candidates}
    others = [
        numbers[0]
        for image_id, numbers in found.held.items()
        if {part for n in numbers for name in photos[n].classes() if (part := part_of[name])} - labels_of[image_id]
    ]
    if not others:
        return []
    example = photos[others[0]].file
    lacking = f"{len(others)} photos that the dataset has come with labels that it lacks, such as {example}; "
    return [lacking + "those were not added. Import into a new dataset to have them."]


def _sort_out(files: Sequence[Path], photos: Sequence[AnnotatedPhoto]) -> _Sorted:
    """Return the staged photos sorted out; of files that are equal byte for byte, the first one with objects counts."""
    result = _Sorted()
    for row in read_staged(files, with_data=False):
        number, image_id = row["number"], row["image_id"]
        photo = photos[number]
        if row["reason"] is not None:
            result.set_aside.append(Reason(photo.file, row["reason"], photo.label_count()))
        elif row["width"] is None:
            result.held[image_id].append(number)
        else:
            first = result.new.setdefault(image_id, row)
            labels = sorted({*first["labels"], *row["labels"]})  # one photo in two folders of classes shows both
            numbers = result.copies_of[image_id]
            if numbers and photo.objects and not photos[numbers[0]].objects:
                result.new[image_id] = row
                numbers.insert(0, number)
            else:
                numbers.append(number)
            result.new[image_id]["labels"] = labels
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
