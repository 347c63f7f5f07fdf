"""The pages' HTML: the same for every participant, served with its files beside it or written as one file."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from evaluation.study.web.plan import Plan
from evaluation.study.web.texts import study_words

STATIC = Path(__file__).parent / "static"
STYLES = "study.css"
SCRIPTS = ("words.js", "pictures.js", "{transport}.js", "study.js")
"""In this order; ``server`` or ``offline`` says where answers go. They share one scope, so one file can hold them."""


def participant_page(plan: Plan) -> str:
    """Return the page of the server, which loads its scripts from ``/static``."""
    return _environment().get_template("study.html.j2").render(
        inline=None, policy=None, scripts=[name.format(transport="server") for name in SCRIPTS], **_common(plan, {})
    )  # fmt: skip


def offline_page(plan: Plan, content: dict[str, Any]) -> str:
    """Return the page that is one file and sends nothing anywhere; `content` is what ``offline.js`` reads."""
    style = _read(STYLES)
    scripts = [_read(name.format(transport="offline")) for name in SCRIPTS]
    policy = (
        f"default-src 'none'; img-src data: blob:; style-src {_allowed(style)}; "
        f"script-src {' '.join(map(_allowed, scripts))}; base-uri 'none'; form-action 'none'"
    )
    return _environment().get_template("study.html.j2").render(
        inline={"style": Markup(style), "scripts": [Markup(script) for script in scripts]},
        policy=policy, scripts=[], **_common(plan, content),
    )  # fmt: skip


def organiser_page(plan: Plan) -> str:
    """Return the organiser's page, which shows nothing before the secret is given."""
    return _environment().get_template("organiser.html.j2").render(study=plan.study_id)


def _common(plan: Plan, content: dict[str, Any]) -> dict[str, Any]:
    words, settings = study_words(plan.settings), plan.settings
    first = settings.languages[0]
    facts = {
        "study": plan.study_id, "languages": settings.languages, "words": words, "contact": settings.contact,
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


def _read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _allowed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("evaluation.study.web"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
