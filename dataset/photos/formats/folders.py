"""One folder per class: ``3001/photo.jpg``, or ``train/3001/photo.jpg`` with folders named after the splits."""

from dataset.photos.annotations import AnnotatedPhoto, Annotations, Reason
from dataset.photos.folder import SPLIT_NAMES, PhotoFolder


def fits(folder: PhotoFolder) -> bool:
    """Return whether pictures lie in subfolders."""
    return any("/" in file for file in folder.pictures())


def read(folder: PhotoFolder) -> Annotations:
    """Return the photos with the names of their folders; deeper folders belong to the class above them.

    Every file in a class's folder counts as a photo of it, so that one with a strange name does not get lost.
    """
    found = Annotations()
    tops = {file.split("/")[0] for file in folder.files if "/" in file}
    pictures = set(folder.pictures())
    by_split = bool(tops) and all(top.lower() in SPLIT_NAMES for top in tops)
    for file in folder.files:
        *steps, _ = file.split("/")
        split = SPLIT_NAMES[steps.pop(0).lower()] if by_split and steps else None
        if steps:
            found.photos.append(AnnotatedPhoto(file, split=split, class_names=(steps[0].strip(),)))
        elif file in pictures:
            found.left_out.append(Reason(file, "lies in no class's folder"))
    return found
