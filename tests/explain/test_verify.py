"""`explain verify`: what passes, what fails, what no library has, and what is printed."""

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor, nn

from core.errors import SettingsError
from explain.cam.weighted import WeightedActivations, gradcam
from explain.commands import explain
from explain.methods import METHODS, create_method
from explain.protocol import FloatMaps
from explain.references.reference import NoReferenceError, load_reference, network_copy, quiet
from explain.verify import VerificationError, relative_difference, require_verified, verify_run
from training.network.models import create_model
from training.run.run import Run

QUICK: dict[str, dict[str, object]] = {
    "lime": {"num_samples": 60},
    "kernel_shap": {"segmentation": "slic", "n_segments": 12, "num_samples": 60},
    "occlusion": {"window_px": 24, "stride_px": 24},
    "integrated_gradients": {"steps": 5},
    "smoothgrad": {"num_samples": 3},
    "gradient_shap": {"num_samples": 3},
}


@pytest.fixture(scope="module")
def run(trained: Path) -> Run:
    return Run.open(trained / "runs" / "toy", trained)


class OnePercentMore(WeightedActivations):
    """Grad-CAM with an error that no eye sees."""

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        return [np.float32(1.01) * maps for maps in super().attribute(images, classes)]


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register ``wrong``, which claims to be pytorch-grad-cam's Grad-CAM."""
    row = replace(METHODS["gradcam"], name="wrong", factory=lambda model, given: OnePercentMore(gradcam, model, given))
    monkeypatch.setitem(METHODS, "wrong", row)


def test_methods_pass_on_a_trained_network(run: Run) -> None:
    names = ("gradcam", "eigencam", "saliency", *QUICK)
    rows = verify_run(run, {name: QUICK.get(name, {}) for name in names}, limit=2, device="cpu")
    assert {row.method: row.result for row in rows} == dict.fromkeys(names, "pass")
    require_verified(rows)
    libraries = {row.method: row.library.split()[0] for row in rows}
    assert (libraries["gradcam"], libraries["saliency"], libraries["lime"]) == ("grad-cam", "captum", "lime")
    asked = run.dataset.pictures("test").targets
    for row in rows:
        assert 2 <= row.maps <= 2 * asked.shape[1]
        assert row.difference <= row.tolerance < 0.1
        assert row.cpu_ratio > 0


def test_the_pictures_are_drawn_by_the_seed(run: Run) -> None:
    first, again, other = (
        [
            row.difference
            for row in verify_run(
                run, {"occlusion": QUICK["occlusion"], "gradcam": {}}, limit=2, device="cpu", seed=seed
            )
        ]
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_a_wrong_map_fails(run: Run, wrong: None) -> None:
    right, failed = verify_run(run, {"gradcam": {}, "wrong": {}}, limit=1, device="cpu")
    assert (right.result, failed.result) == ("pass", "fail")
    assert failed.difference == pytest.approx(0.01, rel=0.01)
    with pytest.raises(VerificationError, match=r"wrong differ.*tolerance"):
        require_verified([right, failed])


def test_what_no_library_has_is_told(run: Run) -> None:
    rows = verify_run(run, {"rise": {}, "guided_backprop": {}, "lrp": {}, "gradcam": {}}, limit=1, device="cpu")
    assert [row.result for row in rows] == [*["no reference"] * 3, "pass"]
    assert [math.isnan(row.difference) for row in rows] == [True, True, True, False]
    assert "LeakyReLU" in rows[1].note  # bricknet's, which captum does not guide
    require_verified(rows)  # something was compared
    with pytest.raises(VerificationError, match="Nothing was compared"):
        require_verified(rows[:3])


def test_a_method_that_does_not_apply_to_the_network_is_told_and_the_others_are_compared(run: Run) -> None:
    refused, compared = verify_run(run, {"chefer": {}, "gradcam": {}}, limit=1, device="cpu")
    assert (refused.method, refused.maps, refused.result) == ("chefer", 0, "no reference")
    assert refused.note.startswith("Method chefer reads attention weights; bricknet has none: ")
    assert compared.result == "pass"


def test_the_command_prints_a_row_a_method_and_ends_with_1(run: Run, wrong: None) -> None:
    words = ["verify", str(run.folder), "-d", str(run.dataset.root), "--limit", "1", "--device", "cpu", "--methods"]
    done = CliRunner().invoke(explain, [*words, "gradcam,random"], catch_exceptions=False)
    assert done.exit_code == 0
    assert [line.split()[0] for line in done.stdout.splitlines()[2:]] == ["gradcam", "random"]
    failed = CliRunner().invoke(explain, [*words, "wrong,random", "--json"])
    assert isinstance(failed.exception, VerificationError)
    assert failed.exception.exit_code == 1
    wrong_row, random_row = json.loads(failed.stdout)
    assert (wrong_row["method"], wrong_row["result"], wrong_row["tolerance"]) == ("wrong", "fail", 1e-4)
    assert (random_row["result"], random_row["difference"], random_row["cpu_ratio"]) == ("no reference", None, None)
    with pytest.raises(SettingsError, match="--set needs --methods"):
        CliRunner().invoke(explain, [*words[:-1], "--set", "lime.seed=1"], catch_exceptions=False)


def test_differences_are_shares_of_the_librarys_largest_value() -> None:
    theirs = np.array([[0.0, -4.0], [1.0, 2.0]])
    assert relative_difference(theirs + np.array([[0, 0], [0.2, 0]]), theirs) == pytest.approx(0.05)
    assert relative_difference(0 * theirs, 0 * theirs) == 0
    apart = [(theirs, 0 * theirs), (theirs[:1], theirs), (np.full_like(theirs, np.nan), theirs)]
    assert [relative_difference(*pair) for pair in apart] == [math.inf] * 3


@pytest.mark.parametrize("name", [name for name, row in METHODS.items() if row.reference])
def test_every_reference_is_there_and_leaves_the_network_alone(name: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 5, stride=2), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(64, 3)
    )
    settings = {**QUICK.get(name, {}), **({"layer": "1"} if METHODS[name].settings.model_fields.get("layer") else {})}
    settings |= {"rule": "plain"} if name == "lrp" else {}  # captum has no other
    method = create_method(name, model, **settings)
    blocks = np.kron(np.random.default_rng(1).random((3, 4, 4)) - 0.5, np.ones((1, 8, 8)))
    image = torch.from_numpy(blocks).float() + 0.1 * torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(1))
    reference, copy = load_reference(METHODS[name].reference), network_copy(model)
    reference.check(copy, image)
    with quiet():
        theirs = reference.maps(copy, method.settings, image, [2, 0])
    (own,) = method.attribute(image[None], [[2, 0]])
    for pair in zip(own, theirs, strict=True):
        assert relative_difference(*pair) <= METHODS[name].tolerance
    assert model[1].inplace
    assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())


PAIRS: tuple[tuple[str, object], ...] = (
    ("quickshift", "superpixel"), ("slic", "mean"), ("slic", (0.1, 0.2, 0.9)), ("felzenszwalb", 0.5),
)  # fmt: skip
EVERY = itertools.product(["quickshift", "slic", "felzenszwalb"], ["superpixel", "mean", 0.5, (0.1, 0.2, 0.9)])


@pytest.mark.parametrize(
    ("segmentation", "hide_color"),
    [*PAIRS, *(pytest.param(*pair, marks=pytest.mark.slow) for pair in EVERY if pair not in PAIRS)],
)
def test_lime_is_the_librarys_by_any_segmentation_and_colour(segmentation: str, hide_color: object) -> None:
    torch.manual_seed(0)
    model = create_model("bricknet", 4, width=0.05, stem_stride=2).eval()
    blocks = np.kron(np.random.default_rng(0).normal(size=(3, 6, 6)), np.ones((1, 6, 6)))
    given: dict[str, object] = {"n_segments": 16, "num_samples": 30, "num_features": 5, "seed": 3}
    method = create_method("lime", model, segmentation=segmentation, hide_color=hide_color, **given)
    image = torch.from_numpy(blocks / 3).float()
    with quiet():
        theirs = load_reference(METHODS["lime"].reference).maps(network_copy(model), method.settings, image, [1, 3])
    (own,) = method.attribute(image[None], [[1, 3]])
    for pair in zip(own, theirs, strict=True):
        assert relative_difference(*pair) <= METHODS["lime"].tolerance


def test_a_method_without_reference_is_told() -> None:
    with pytest.raises(NoReferenceError, match="none of the libraries has it"):
        load_reference(METHODS["rise"].reference)
