"""A settings file for `render run` that makes more of what would cure what was found."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from core.errors import BrickbenchError
from core.files import output_file
from dataset.dataset_folder import DatasetFolder
from evaluation.findings.contrasts import GroupTest, PairTest
from evaluation.findings.wording import Test, plain
from evaluation.report.words import listed
from render.floors import FLOORS
from render.lights import LIGHTINGS, WORLDS
from render.run import SETTINGS_NAME, RenderRecord
from render.settings import ALL_PARTS, RenderSettings

FACTOR = 3.0
"""How many times as often what is wanted is drawn. One floor of ten, tripled, has a quarter of the pictures: the others
keep enough of them that what the network knows is not unlearned."""
FEWEST_VIEWS = 2
WIDTH = 100


@dataclass(frozen=True)
class Cure:
    """Render settings, and why each of them differs from the dataset's own."""

    settings: RenderSettings
    reasons: dict[str, str]
    """By field that differs."""
    left_out: tuple[str, ...]
    """What was found, but settings cannot say."""


def base_settings(dataset: DatasetFolder) -> RenderSettings:
    """Return the settings that the renders of `dataset` were made with; the defaults, with its parts, if none.

    Raises:
        BrickbenchError: its settings file is of no render, or its parts are not in the catalogue.
    """
    path = dataset.root / SETTINGS_NAME
    if path.is_file():
        return RenderRecord.load(path).render
    parts = tuple(part.part_id for part in dataset.parts)
    unknown = [part_id for part_id in parts if part_id not in ALL_PARTS]
    if unknown:
        raise BrickbenchError(
            f"{dataset.root} has no renders, and the catalogue has no part {unknown[0]!r}: there is nothing to begin a "
            "settings file with. Leave out --settings."
        )
    return RenderSettings(parts=parts)


def cure(base: RenderSettings, tests: Sequence[Test]) -> Cure:
    """Return `base` with more of what cures each of `tests`, which found something.

    Parts stay the same in the same order, so that a network that knows them can go on learning.
    """
    changes: dict[str, object] = {}
    reasons: dict[str, str] = {}
    left_out: list[str] = []
    looked = [test for test in tests if isinstance(test, GroupTest) and test.kind == "part"]
    pairs = [test for test in tests if isinstance(test, PairTest)]
    named = list(dict.fromkeys([test.name for test in looked] + [name for t in pairs for name in (t.shown, t.claimed)]))
    known = [part_id for part_id in named if part_id in base.parts]
    left_out += [f"part {part_id} is not among the parts of the renders" for part_id in named if part_id not in known]
    if known:
        changes["part_shares"] = dict(base.part_shares) | {
            part_id: FACTOR * base.part_shares.get(part_id, 1.0) for part_id in known
        }
        floor = [test.name for test in looked if test.name in known]
        told = [f"the network looks at the floor for {listed(floor)}"] if floor else []
        told += [f"{test.shown} is taken for {test.claimed}" for test in pairs]
        reasons["part_shares"] = (
            f"{FACTOR:g} times as often as before, because {listed(told)}. A part that is not named has 1."
        )
    if pairs and max(base.bricks_min, 2) <= base.bricks_max and base.bricks_min < 2:
        changes["bricks_min"] = 2
        reasons["bricks_min"] = "At least two bricks, so that confused parts lie together, and beside others."
    if looked:
        changes |= {"views": max(base.views, FEWEST_VIEWS), "own_floor": True}
        reasons["views"] = "Each pile over several floors: what stays the same is the brick."
        reasons["own_floor"] = "Each view has a floor of its own, so that no floor goes with a part."
    for kind, field, rows in (
        ("floor", "backgrounds", FLOORS),
        ("lighting", "lightings", dict.fromkeys([*LIGHTINGS, *WORLDS])),
    ):
        names = [test.name for test in tests if isinstance(test, GroupTest) and test.kind == kind]
        own = [name for name in names if name in rows]
        left_out += [f"{kind} {plain(name)} comes from pictures of your own" for name in names if name not in rows]
        if own:
            shares: dict[str, float] = dict(getattr(base, field))
            usual = sum(shares.values()) / len(shares)
            changes[field] = shares | {name: FACTOR * (shares.get(name) or usual) for name in own}
            reasons[field] = f"More of {', '.join(map(plain, own))}, which draws attention away from bricks."
    settings = RenderSettings.parse(base.model_dump() | changes)
    changed = {name: reason for name, reason in reasons.items() if getattr(settings, name) != getattr(base, name)}
    return Cure(settings, changed, tuple(left_out))


def cure_text(cured: Cure, *, origin: str, seed: int | None) -> str:
    """Return the settings as YAML, with the reason above each that was changed.

    Args:
        cured: the settings.
        origin: where the findings are from, for the first line.
        seed: of the dataset's own renders: another one gives other piles.
    """
    other = 1 if seed is None else seed + 1
    head = [
        f"Renders that make more of what {origin} needs. It goes with the page of findings.",
        f"brickbench render run THIS.yaml -o MORE --count 640 --seed {other}",
        "brickbench train run -d MORE --weights RUN/checkpoints/CHECKPOINT.safetensors",
        "Judge the network on the test pictures that it was judged on before, not on these.",
        *(f"Not in here: {text}." for text in cured.left_out),
    ]
    lines = [line for text in head for line in _comment(text)]
    for name, value in cured.settings.model_dump(mode="json").items():
        if name in cured.reasons:
            lines += ["", *_comment(cured.reasons[name])]
        lines.append(yaml.safe_dump({name: value}, sort_keys=False, allow_unicode=True).rstrip("\n"))
        if name in cured.reasons:
            lines.append("")
    return "\n".join(lines) + "\n"


def write_cure(text: str, path: Path) -> None:
    """Write the settings file; raises BrickbenchError where that cannot be done."""
    with output_file(path, "Choose another file with --settings.") as temporary:
        temporary.write_text(text, encoding="utf-8")


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# ")
