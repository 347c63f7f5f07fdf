"""The pages' HTML and words: the same for every participant, served with its files beside it or as one file."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup

from core.errors import SettingsError
from core.files import atomic_file
from core.pages import page_environment
from core.settings import near_matches
from evaluation.study.settings import StudySettings
from evaluation.study.web.blind_study import KINDS, BlindStudy, read_blind

STATIC = Path(__file__).parent / "static"
STYLES = "study.css"
SCRIPTS = ("words.js", "pictures.js", "{transport}.js", "study.js")
"""In this order; ``server`` or ``offline`` says where answers go. They share one scope, so one file can hold them."""
LANGUAGES = Path(__file__).parent / "languages"
TRIAL_SECONDS = 12  # most people take 5 to 15 s for a choice between two pictures
Words = dict[str, str]
"""Text by dotted name, such as ``trial.next``; ``{number}`` and the like are filled in by the page."""


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


def known_languages() -> list[str]:
    """Return the languages that Brickbench has texts in."""
    return sorted(path.stem for path in LANGUAGES.glob("*.yaml"))


def load_words(language: str) -> Words:
    """Return Brickbench's own texts in `language`.

    Raises:
        SettingsError: there are none.
    """
    path = LANGUAGES / f"{language}.yaml"
    if language not in known_languages():
        raise SettingsError(
            f"There are no texts in {language!r}{near_matches(language, known_languages())}; there are texts in "
            f"{', '.join(known_languages())}. Name those in the setting `languages`."
        )
    return dict(_flat(yaml.safe_load(path.read_text(encoding="utf-8"))))


def study_words(settings: StudySettings) -> dict[str, Words]:
    """Return the texts of a study by language, with the title, question and consent of its settings."""
    words = {}
    for language in settings.languages:
        words[language] = load_words(language)
        for name in ("title", "question", "consent"):
            if language in (own := getattr(settings, name)):
                words[language][name] = own[language]
        minutes = max(1, round(settings.trials * TRIAL_SECONDS / 60))
        fill = {"trials": str(settings.trials), "minutes": str(minutes), "question": words[language]["question"]}
        for name, value in fill.items():
            words[language]["consent"] = words[language]["consent"].replace(f"{{{name}}}", value)
    return words


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


def _flat(texts: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for name, value in texts.items():
        flat += _flat(value, f"{above}{name}.") if isinstance(value, dict) else [(above + name, value.strip())]
    return flat
