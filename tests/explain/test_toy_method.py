"""A method of one's own is one module and one line: here, from maps to the report."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import Field
from torch import Tensor

from brickbench import cli
from core.settings import Settings
from explain.methods import METHODS, find_method
from explain.protocol import FloatMaps, MethodRow, PictureByPicture


class RednessSettings(Settings):
    """How far red counts."""

    power: float = Field(1.0, gt=0)
    """Of red's value."""


class Redness(PictureByPicture[RednessSettings]):
    """Red where the picture is redder than the network's pictures are on the mean."""

    def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
        return (image[0].clamp(min=0) ** self.settings.power).expand(len(classes), -1, -1).cpu().numpy()


ROW = MethodRow(
    "redness", "Redness", "method", "perturbation", Redness, RednessSettings, "bilinear", signed=False,
    images_at_once=4, cost="none", source="this test", note="sees red", unit="shade",
)  # fmt: skip


@pytest.fixture
def dataset(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of `trained`, with the method registered: the one line."""
    monkeypatch.setitem(METHODS, "redness", ROW)
    return Path(shutil.copytree(trained, tmp_path / "dataset"))


def _run(*words: object) -> str:
    return CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False).stdout


def test_it_goes_from_maps_to_the_report(dataset: Path, tmp_path: Path) -> None:
    run = (dataset / "runs" / "toy", "-d", dataset)
    methods = "gradcam,redness,random"
    done = _run(
        "explain", "run", *run, "--methods", methods, "--set", "redness.power=2", "--limit", 3, "--device", "cpu"
    )
    assert "0 were there" in done
    folder = f"redness-{find_method('redness').settings(power=2).digest()}"  # type: ignore[call-arg]
    assert (run[0] / "attributions" / folder / "settings.yaml").read_text(encoding="utf-8") == "power: 2.0\n"
    scores = _run("evaluate", "localize", *run, "--metrics", "pointing_game,mass_accuracy", "--workers", 1)
    assert "redness" in scores
    _run("evaluate", "report", *run, "-o", tmp_path / "report.html", "--cases", 1)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Redness" in page


def test_it_is_listed_and_drawn(dataset: Path, tmp_path: Path) -> None:
    assert "sees red" in _run("explain", "methods")
    run = dataset / "runs" / "toy"
    _run("explain", "sheet", run, "-d", dataset, "-o", tmp_path / "x.png", "--methods", "redness", "--count", 1)
    assert (tmp_path / "x.png").exists()
