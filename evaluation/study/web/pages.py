"""The pages' HTML: the same for every participant, served with its files beside it or written as one file."""

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from core.errors import SettingsError
from core.files import atomic_file
from core.pages import page_environment
from evaluation.study.web.blind_study import KINDS, BlindStudy, read_blind
from evaluation.study.web.texts import study_words

STATIC = Path(__file__).parent / "static"
STYLES = "study.css"
SCRIPTS = ("words.js", "pictures.js", "{transport}.js", "study.js")
"""In this order; ``server`` or ``offline`` says where answers go. They share one scope, so one file can hold them."""


def participant_page(study: BlindStudy) -> str:
    """Return the page of the server, which loads its scripts from ``/static``."""
    return page_environment("evaluation.study.web").get_template("study.html.j2").render(
        inline=None, policy=None, scripts=[name.format(transport="server") for name in SCRIPTS], **_common(study, {})
    )  # fmt: skip


def offline_page(study: BlindStudy, content: dict[str, Any]) -> str:
    """Return the page that is one file and sends nothing anywhere; `content` is what ``offline.js`` reads."""
    style = _read(STYLES)
    scripts = [_read(name.format(transport="offline")) for name in SCRIPTS]
    policy = (
        f"default-src 'none'; img-src data: blob:; style-src {_allowed(style)}; "
        f"script-src {' '.join(map(_allowed, scripts))}; base-uri 'none'; form-action 'none'"
    )
    return page_environment("evaluation.study.web").get_template("study.html.j2").render(
        inline={"style": Markup(style), "scripts": [Markup(script) for script in scripts]},
        policy=policy, scripts=[], **_common(study, content),
    )  # fmt: skip


def write_bundle(study: Path, output: Path, sheets: Sequence[int] | None = None) -> int:
    """Write `study` as one HTML file with the `sheets` of these numbers (None: all), and return how many they are.

    Raises:
        BrickbenchError: it is no study.
        SettingsError: it has no such sheet.
    """
    blind = read_blind(study)
    chosen = list(blind.sheets) if sheets is None else list(sheets)
    if unknown := [sheet for sheet in chosen if sheet not in blind.sheets]:
        raise SettingsError(
            f"The study {study} has no sheet {unknown[0]}; it has the sheets {min(blind.sheets)} to "
            f"{max(blind.sheets)}."
        )
    files = sorted({name for sheet in chosen for name in blind.files_of[sheet]})
    content = {
        "sheets": {sheet: [vars(trial) for trial in blind.sheets[sheet]] for sheet in chosen},
        "pictures": {name: _data_uri(name, blind.picture(name)) for name in files},
    }
    with atomic_file(output) as temporary:
        temporary.write_text(offline_page(blind, content), encoding="utf-8")
    return len(chosen)


def organiser_page(study: BlindStudy) -> str:
    """Return the organiser's page, which shows nothing before the secret is given."""
    return page_environment("evaluation.study.web").get_template("organiser.html.j2").render(study=study.study_id)


def _common(study: BlindStudy, content: dict[str, Any]) -> dict[str, Any]:
    words, settings = study_words(study.settings), study.settings
    first = settings.languages[0]
    facts = {
        "study": study.study_id, "languages": settings.languages, "words": words, "contact": settings.contact,
        "familiarity": settings.ask_familiarity,
    }  # fmt: skip
    # "</script>" and "<!--" in a text must not end or change the element that holds it.
    text = json.dumps(facts | content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return {
        "language": first,
        "title": words[first]["title"],
        "no_script": [(language, words[language]["no_script"]) for language in settings.languages],
        "facts": Markup(text),
    }


def _data_uri(name: str, data: bytes) -> str:
    return f"data:{KINDS[Path(name).suffix]};base64,{base64.b64encode(data).decode('ascii')}"


def _read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _allowed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"
