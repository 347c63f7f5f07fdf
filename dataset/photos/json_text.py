"""JSON whose damage is told by its place."""

import json
from typing import Any

from dataset.photos.annotations import PhotoError


def read_json(text: str) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        PhotoError: it is damaged or cut off, or no object; the clause names the line.
    """
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
