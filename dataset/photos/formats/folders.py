"""One folder per class: ``3001/photo.jpg``, or ``train/3001/photo.jpg`` with folders named after the splits."""

from core.errors import BrickbenchError
from dataset.photos.annotations import AnnotatedPhoto, Annotations, Reason
from dataset.photos.folder import SPLIT_NAMES, PhotoFolder

NO_CLASSES = frozenset({
    "images", "image", "imgs", "img", "jpegimages", "photos", "pictures", "labels", "label", "annotations", "data",
    "dataset", "obj_train_data", "obj_valid_data", "obj_test_data",
})  # fmt: skip
"""Folders that tools make; nobody calls a part so."""


def fits(folder: PhotoFolder) -> bool:
    """Return whether pictures lie in subfolders."""
    return any("/" in file for file in folder.pictures())


def read(folder: PhotoFolder) -> Annotations:
    """Return the photos with the names of their folders; deeper folders belong to the class above them.

    Folders around all others, such as that of an unpacked archive, are no class. Every file in a class's folder counts
    as a photo of it, so that one with a strange name does not get lost.

    Raises:
        BrickbenchError: pictures lie in a folder that is called as no class can be.
    """
    found = Annotations()
    pictures = set(folder.pictures())
    around = _folders_around(folder, pictures)
    files = [file for file in folder.files if file.startswith(around)]
    tops = {
        file[len(around) :].split("/")[0] for file in pictures if file.startswith(around) and "/" in file[len(around) :]
    }
    by_split = bool(tops) and all(top.lower() in SPLIT_NAMES for top in tops)
    if not by_split and (odd := sorted(top for top in tops if top.lower() in SPLIT_NAMES)):
        others = ", ".join(sorted(tops - set(odd))[:3])
        raise BrickbenchError(
            f"{folder.root / around} has folders called after splits ({', '.join(odd)}) and others ({others}) side by "
            "side, so nobody can tell what is a class. Put the others into train, val or test, or rename those."
        )
    for file in files:
        *steps, _ = file[len(around) :].split("/")
        is_in_split = by_split and bool(steps) and steps[0].lower() in SPLIT_NAMES
        split = SPLIT_NAMES[steps.pop(0).lower()] if is_in_split else None
        if not steps or (by_split and not is_in_split):
            if file in pictures:
                found.left_out.append(Reason(file, "lies in no class's folder"))
            continue
        if steps[0].lower() in NO_CLASSES | set(SPLIT_NAMES):
            if file not in pictures:
                continue
            raise BrickbenchError(
                f"{folder.root} could only be read as one folder per part, but {file} lies in {steps[0]!r}, which is "
                "no part. Put a file with the labels beside the photos (docs/photos.md lists the formats), or name the "
                "folder after the part that its photos show."
            )
        found.photos.append(AnnotatedPhoto(file, split=split, class_names=(steps[0].strip(),)))
    found.left_out += [Reason(file, "lies in no class's folder") for file in sorted(pictures - set(files))]
    return found


def _folders_around(folder: PhotoFolder, pictures: set[str]) -> str:
    """Return the path, such as ``export/``, of the folders that hold all pictures and none themselves."""
    around = ""
    while True:
        steps = {file[len(around) :].split("/")[0] for file in pictures if "/" in file[len(around) :]}
        inside = [file[len(around) :] for file in pictures]
        top = next(iter(steps), "")
        is_around = len(steps) == 1 and all(text.count("/") >= 2 for text in inside)
        if not is_around or top.lower() in SPLIT_NAMES or top.casefold() in folder.part_names:
            return around
        around += f"{top}/"
