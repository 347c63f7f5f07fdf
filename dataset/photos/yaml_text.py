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
