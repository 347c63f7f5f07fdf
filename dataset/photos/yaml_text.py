"""YAML in which every value is text as it stands: ``on``, ``0703`` and ``1_5`` are names there, not values."""

from typing import Any

import yaml

from dataset.photos.annotations import PhotoError

NULLS = frozenset({"", "null", "~", "Null", "NULL"})


def load_yaml_text(text: str) -> Any:
    """Return dicts, lists and texts.

    Raises:
        PhotoError: it is no YAML; the clause names the line.
    """
    try:
        return yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if mark is None:
            raise PhotoError(f"it is no YAML: {error.problem or error.context}") from error
        where = f"line {mark.line + 1}, column {mark.column + 1}"
        if text[mark.index : mark.index + 1] == "\t":
            raise PhotoError(f"{where} holds a tab; YAML is indented by spaces") from error
        raise PhotoError(f"it is no YAML: {error.problem or error.context} in {where}") from error
    except yaml.YAMLError as error:
        raise PhotoError(f"it is no YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise PhotoError("its lists are nested too deeply") from error
