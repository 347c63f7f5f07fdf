"""What decides a study: one frozen, validated model, saved in the study as ``study.yaml``."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from core.errors import BrickbenchError
from core.settings import Settings

SETTINGS_FILE = "study.yaml"

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]
"""Such as ``en`` or ``nl``."""
Stratum = Literal["right", "part", "confidence"]


class StudySettings(Settings):
    """Everything that decides what participants see, besides the maps themselves."""

    title: dict[Language, str] = Field(default_factory=dict)
    """The pages' title, by language; for a language that is not here, that of ``evaluation/study/web/languages``."""

    languages: tuple[Language, ...] = Field(default=("en", "nl"), min_length=1)
    """What a participant may choose from, the first beforehand: those of the texts that come with Brickbench."""

    question: dict[Language, str] = Field(default_factory=dict)
    """What is asked above each pair of explanations, by language, as `title`."""

    consent: dict[Language, str] = Field(default_factory=dict)
    """What a participant agrees to at the start, by language, as `title`."""

    contact: str = ""
    """Whom to ask or to tell, such as a name and a mail address; on the first page. Empty shows none."""

    ask_familiarity: bool = True
    """Ask how familiar a participant is with deep learning, in the founding paper's three steps."""

    show_class_name: bool = True
    """Name the part that is explained. Without it nobody can say what an explanation should show; the network's answer
    is never told."""

    methods: tuple[str, ...] = Field(default=("gradcam", "lime"), min_length=2)
    """Explanation methods to compare, two or more: the founding paper's. Where a run holds maps of a method by several
    settings, the name as reports write it, such as ``lime-1a2b3c``."""

    split: Literal["train", "val", "test"] = "test"
    """Whose pictures are shown: by default those that the network did not learn from."""

    absent_parts: bool = False
    """Also take parts that a picture does not show. Then no place in the picture would be a right explanation."""

    empty_maps: bool = False
    """Also take pairs of which a method's map has nothing that speaks for the part, as Grad-CAM's of parts that the
    network misses: its picture would be blank, which is no explanation to judge. How many were passed over is told."""

    stratify: tuple[Stratum, ...] = ("right", "part", "confidence")
    """What the items are balanced over, the most important first: whether the network is right, the part, and how
    confident the network is (below or above the median). Empty draws them at random."""

    items: int = Field(default=20, ge=1)
    """Items: pairs of a picture and a part, each of another pile. The paper had 10, from which no interval over items
    is narrow: what is learnt of new pictures depends on their number."""

    items_per_person: int | None = Field(default=None, ge=1)
    """Items that one participant sees; None for all."""

    participants: int = Field(default=20, ge=1)
    """Sheets: orders of trials, one a participant; more people get them again from the first. A multiple of twice the
    items per person balances all there is to balance."""

    repeats: int = Field(default=2, ge=0)
    """Trials of each participant that come once more, to see whether the same is chosen."""

    swaps: int = Field(default=2, ge=0)
    """Trials of each participant that come once more with left and right exchanged: tells a preference for a side."""

    attention: int = Field(default=2, ge=0)
    """Trials of each participant in which one explanation is plainly wrong. Who misses one is left out in the second
    analysis; two already leave in only a quarter of those who choose blindly."""

    distance: int = Field(default=5, ge=1)
    """Least number of places from a trial to its repetition, or half of the items per person, if that is less: far
    enough not to remember it, near enough to fit in a short study."""

    picture_px: int = Field(default=448, ge=64, le=2048)
    """Side of the square pictures in pixels: two fit beside each other on a desktop, one fills a phone's width."""

    cap: int | None = Field(default=None, ge=1)
    """Most people whom the open link lets in; None: there are personal links only."""

    seed: int = Field(default=0, ge=0)
    """Decides the choice of items, their order and their sides."""

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        for name in ("languages", "methods", "stratify"):
            given = getattr(self, name)
            if len(set(given)) < len(given):
                raise ValueError(f"{name} should each be named once, not {', '.join(given)}")
        for name in ("title", "question", "consent"):
            unknown = sorted(set(getattr(self, name)) - set(self.languages))
            if unknown:
                raise ValueError(
                    f"{name} has a text in {unknown[0]!r}, which is not among the languages {', '.join(self.languages)}"
                )
        seen = self.seen_items
        if seen > self.items:
            raise ValueError(f"items_per_person is {seen}, more than the {self.items} items")
        room = seen - self.least_distance + 1
        if self.repeats + self.swaps > room:
            raise ValueError(
                f"repeats and swaps are {self.repeats + self.swaps}, but of the {seen} items that a participant sees "
                f"only {room} can come again {self.least_distance} places later"
            )
        return self

    @property
    def seen_items(self) -> int:
        """Return the number of items that one participant sees."""
        return self.items if self.items_per_person is None else self.items_per_person

    @property
    def least_distance(self) -> int:
        """Return the least number of places from a trial to its repetition."""
        return min(self.distance, max(1, self.seen_items // 2))

    @property
    def trials(self) -> int:
        """Return the number of trials of one participant."""
        return self.seen_items + self.repeats + self.swaps + self.attention


def read_settings(study: Path) -> StudySettings:
    """Return the settings of the study in the folder `study`.

    Raises:
        BrickbenchError: there is none.
        SettingsError: its file is damaged.
    """
    path = study / SETTINGS_FILE
    if not path.is_file():
        raise BrickbenchError(
            f"{study} is not a study: it has no {SETTINGS_FILE}. Make one with `brickbench study build`."
        )
    return StudySettings.load(path)
