"""JSON, YAML and XML of annotation files, whose damage is told by its place."""

import json
import re
from collections.abc import Collection
from typing import Any
from xml.etree import ElementTree as ET

import yaml

from dataset.photos.annotations import PhotoError
from dataset.photos.folder import PhotoFolder

NULLS = frozenset({"", "null", "~", "Null", "NULL"})
_XML_DECLARATION = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]+)[\"'][^>]*\?>")
_XML_HEAD = 4096
_XML_ROOT = re.compile(r"<([A-Za-z_][\w.-]*)")


def holds_keys(folder: PhotoFolder, file: str, keys: Collection[str]) -> bool:
    """Return whether a JSON file is an object with `keys`; also if it cannot be read, which is told when it is."""
    try:
        content = json.loads(folder.read_text(file))
    except (PhotoError, ValueError, RecursionError):
        return True
    return isinstance(content, dict) and set(content) >= set(keys)


def read_json(folder: PhotoFolder, file: str) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        PhotoError: it is damaged or cut off, or no object; the clause names the line.
    """
    text = folder.read_text(file)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        is_end = not text[error.pos :].strip() or "Unterminated" in error.msg
        raise PhotoError(f"it breaks off in {where}" if is_end else f"it is no valid JSON in {where}") from error
    except (ValueError, RecursionError) as error:
        raise PhotoError("its numbers are too long, or its lists nested too deeply") from error
    if not isinstance(content, dict):
        raise PhotoError("it should hold one object")
    return content


def load_yaml_text(text: str) -> Any:
    """Return dicts, lists and texts as they stand: ``on``, ``0703`` and ``1_5`` are names there, not values.

    Raises:
        PhotoError: it is no YAML; the clause names the line.
    """
    try:
        return yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        if mark is not None and text[mark.index : mark.index + 1] == "\t":
            where = f"line {mark.line + 1}, column {mark.column + 1}"
            raise PhotoError(f"{where} holds a tab; YAML is indented by spaces") from error
        begin = error.context_mark or mark  # where an open quote or bracket stands, not where the file ends
        where = f" in line {begin.line + 1}, column {begin.column + 1}" if begin is not None else ""
        problem = ", ".join(filter(None, (error.context, error.problem)))
        raise PhotoError(f"it is no YAML{where}: {problem}") from error
    except yaml.YAMLError as error:
        raise PhotoError(f"it is no YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise PhotoError("its lists are nested too deeply") from error


def root_name(folder: PhotoFolder, file: str) -> str | None:
    """Return the name of a document's outermost element, None if it has none or cannot be read."""
    try:
        with (folder.root / file).open("rb") as stream:
            head = stream.read(_XML_HEAD)
    except OSError:
        return None
    # Zero bytes are those of UTF-16, in which names are ASCII too. Comments and a DOCTYPE begin with other letters.
    text = re.sub(r"<!--.*?-->|<!ENTITY[^>]*>", "", head.replace(b"\0", b"").decode("latin-1"), flags=re.DOTALL)
    match = _XML_ROOT.search(text)
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
    declared = _XML_DECLARATION.match(data)
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
