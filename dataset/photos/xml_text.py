"""XML in any encoding that it declares, and what kind of document it is."""

import re
from xml.etree import ElementTree as ET

from dataset.photos.annotations import PhotoError
from dataset.photos.folder import PhotoFolder

_DECLARATION = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]+)[\"'][^>]*\?>")
_HEAD = 4096
_ROOT = re.compile(r"<([A-Za-z_][\w.-]*)")


def root_name(folder: PhotoFolder, file: str) -> str | None:
    """Return the name of a document's outermost element, None if it has none or cannot be read."""
    try:
        with (folder.root / file).open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return None
    # Zero bytes are those of UTF-16, in which names are ASCII too. Comments and a DOCTYPE begin with other letters.
    text = re.sub(r"<!--.*?-->|<!ENTITY[^>]*>", "", head.replace(b"\0", b"").decode("latin-1"), flags=re.DOTALL)
    match = _ROOT.search(text)
    return match[1] if match else None


def read_xml(folder: PhotoFolder, file: str) -> ET.Element:
    """Return a document, read in the encoding that it declares.

    Raises:
        PhotoError: it cannot be read, or is no valid XML; the clause names the line.
    """
    data = folder.read_bytes(file)
    first: ET.ParseError | None = None
    try:
        return ET.fromstring(data)
    except ET.ParseError as error:
        first = error
    except (ValueError, LookupError):
        pass  # an encoding of several bytes, or none that the parser knows
    declared = _DECLARATION.match(data)
    # Other programs save what declares UTF-16 as UTF-8.
    encoding = "utf-8" if first is not None or declared is None else declared[1].decode("ascii")
    try:
        text = data.decode(encoding)
        return ET.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))
    except LookupError as error:
        raise PhotoError(f"it is in the encoding {encoding!r}, which is not known; save it as UTF-8") from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PhotoError(f"it is no valid XML: line {line} is not in the encoding that it declares") from error
    except ET.ParseError as error:
        line, column = (first or error).position
        raise PhotoError(f"it is no valid XML: line {line}, column {column + 1} is damaged") from error


def number_in(text: str | None, what: str) -> float:
    """Return the number in `text`, which is what `what` says, such as ``bndbox/xmin``; PhotoError if it is none."""
    try:
        return float(text or "")
    except ValueError as error:
        raise PhotoError(f"its {what} should be a number, it is {text!r}") from error
