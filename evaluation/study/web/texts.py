"""The words of a study's pages in its languages: those that come with Brickbench, or the settings' own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from core.errors import SettingsError
from core.settings import near_matches
from evaluation.study.settings import StudySettings

LANGUAGES = Path(__file__).parent / "languages"
TRIAL_SECONDS = 12  # most people take 5 to 15 s for a choice between two pictures
Words = dict[str, str]
"""Text by dotted name, such as ``trial.next``; ``{number}`` and the like are filled in by the page."""


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


def _flat(texts: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for name, value in texts.items():
        flat += _flat(value, f"{above}{name}.") if isinstance(value, dict) else [(above + name, value.strip())]
    return flat
