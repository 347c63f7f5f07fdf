"""What methods came to on networks whose reasons are known, in short: one entry a method, as files keep it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from core.errors import BrickbenchError
from core.settings import Settings
from evaluation.gold.calibration import Calibration, GoldResult
from evaluation.gold.checks import TESTS
from explain.methods import METHODS

SHIPPED = Path(__file__).with_name("results.json")
"""What `docs/gold.md` shows: all methods with default settings, on the networks that are built by hand."""
GIVEN = {"input_size_px", "mean", "std"}
"""Settings that a method takes from the network that it explains."""


@dataclass(frozen=True)
class KnownTest:
    """What one test of one method came to on all networks."""

    result: Literal["pass", "fail", "not applicable"]
    networks: int
    """On how many it was asked."""
    failed: tuple[str, ...] = ()
    """On which it fails."""
    worst: float | None = None
    """The value that is farthest from passing, where it fails."""
    reasons: tuple[str, ...] = ()
    """Why it fails, or does not apply."""


@dataclass(frozen=True)
class KnownMethod:
    """What one method came to."""

    method: str
    settings: Mapping[str, Any]
    """Those that differ from the defaults."""
    tests: Mapping[str, KnownTest]
    """By name, in the order of `TESTS`."""

    @property
    def failed(self) -> list[str]:
        """Return the tests that it fails."""
        return [name for name, test in self.tests.items() if test.result == "fail"]

    def is_of(self, settings: Settings, *, is_default_layer: bool = False) -> bool:
        """Return whether maps with `settings` are made as those that were tested, but for what the network gives.

        `is_default_layer` says that the rule chose the layer in `settings`, as it does where none is named.
        """
        own = type(settings).parse(dict(self.settings))
        given = GIVEN | ({"layer"} if is_default_layer and "layer" not in self.settings else set())
        return own.model_dump(exclude=given) == settings.model_dump(exclude=given)

    def as_row(self) -> dict[str, object]:
        """Return it as an entry of a file."""
        return {
            "method": self.method,
            "settings": dict(self.settings),
            "tests": {name: asdict(test) for name, test in self.tests.items()},
        }


def known_methods(found: Calibration, settings: Mapping[str, Mapping[str, object]]) -> list[KnownMethod]:
    """Return what a calibration says of each method; `settings` are those that it was asked for, by method."""
    return [
        KnownMethod(
            method,
            own,
            {
                test: _joined(results)
                for test in TESTS
                if (results := [one for one in found.results if (one.method, one.test) == (method, test)])
            },
        )
        for method, own in settings.items()
    ]


def _joined(results: Sequence[GoldResult]) -> KnownTest:
    tested = [one for one in results if one.result != "not applicable"]
    failed = [one for one in tested if one.result == "fail"]
    if not tested:
        return KnownTest("not applicable", 0, reasons=tuple(dict.fromkeys(one.reason for one in results)))
    if not failed:
        return KnownTest("pass", len(tested))
    worst = (max if failed[0].direction == "at most" else min)(one.value for one in failed)
    return KnownTest(
        "fail",
        len(tested),
        tuple(one.network for one in failed),
        None if worst != worst else worst,
        tuple(dict.fromkeys(one.reason or "not explained" for one in failed)),
    )


def read_known(path: Path = SHIPPED) -> list[KnownMethod]:
    """Return what a file says: one that `evaluate gold --json` printed, or the one that comes with Brickbench.

    Raises:
        BrickbenchError: the file cannot be read, or holds something else.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["methods"]
        found = [
            KnownMethod(
                row["method"],
                row["settings"],
                {
                    name: KnownTest(**test | {key: tuple(test[key]) for key in ("failed", "reasons")})
                    for name, test in row["tests"].items()
                },
            )
            for row in rows
        ]
    except OSError as error:
        raise BrickbenchError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrickbenchError(
            f"{path} holds no results of `brickbench evaluate gold --json`: write them with "
            "`brickbench evaluate gold DATASET --json > FILE`."
        ) from error
    return [one for one in found if one.method in METHODS]
