"""Settings as frozen, validated models: read from YAML, saved beside what they made, hashed into keys."""

import difflib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import SettingsError
from core.files import atomic_file, sha256_hex


class Settings(BaseModel):
    """Base of every stage's settings: frozen, no unknown fields, one clear sentence for each mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @classmethod
    def load(cls, path: Path | None, **overrides: object) -> Self:
        """Return the settings in the YAML file `path` (None: the defaults), with `overrides` that are not None."""
        values: dict[str, Any] = {}
        if path is not None:
            try:
                loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
                raise SettingsError(f"Cannot read the settings file {path}: {str(error).splitlines()[0]}.") from error
            if loaded is not None and not isinstance(loaded, dict):
                raise SettingsError(f"{path} should hold `name: value` lines; it holds a {type(loaded).__name__}.")
            values = loaded or {}
        values |= {name: value for name, value in overrides.items() if value is not None}
        return cls.parse(values, where=str(path) if path else "the settings")

    @classmethod
    def parse(cls, values: Mapping[str, object], where: str = "the settings") -> Self:
        """Return the settings in `values`, or raise SettingsError naming every mistake in it."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            mistakes = "; ".join(_explain(cls, dict(detail)) for detail in error.errors(include_url=False))
            raise SettingsError(f"In {where}: {mistakes}.") from error

    def save(self, path: Path) -> None:
        """Write the settings as YAML, every field spelled out."""
        with atomic_file(path) as temporary:
            temporary.write_text(
                yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True), encoding="utf-8"
            )

    def digest(self, fields: set[str] | None = None) -> str:
        """Return 12 hexadecimal digits that differ whenever one of `fields` differs; None: of all of them."""
        text = json.dumps(self.model_dump(mode="json", include=fields), sort_keys=True)
        return sha256_hex(text.encode())[:12]


def require_order(settings: Settings, *pairs: tuple[str, str]) -> None:
    """Raise ValueError, in a validator, if of a pair of fields the first is more than the second."""
    for low, high in pairs:
        if getattr(settings, low) > getattr(settings, high):
            raise ValueError(f"{low} {getattr(settings, low)} is more than {high} {getattr(settings, high)}")


def near_matches(name: str, known: list[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the nearest of `known`, or the empty string."""
    near = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def require_known(kind: str, name: str, known: Collection[str]) -> None:
    """Raise SettingsError, with the nearest of `known`, if `name` is none of them."""
    if name not in known:
        raise SettingsError(f"Unknown {kind} {name!r}{near_matches(name, list(known))}; known are {', '.join(known)}.")


def _explain(model: type[BaseModel], detail: dict[str, Any]) -> str:
    location = [str(step) for step in detail["loc"]]
    name = ".".join(location) or "the settings"
    if detail["type"] == "extra_forbidden":
        for step in location[:-1]:
            field = model.model_fields.get(step)
            if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
                return f"unknown setting {name!r}"
            model = field.annotation
        known = sorted(model.model_fields)
        return f"unknown setting {name!r}{near_matches(location[-1], known)}; known are {', '.join(known)}"
    message = str(detail["msg"]).removeprefix("Value error, ").rstrip(".")
    message = message[0].lower() + message[1:]
    return f"{name} = {detail['input']!r}: {message}" if location else message
