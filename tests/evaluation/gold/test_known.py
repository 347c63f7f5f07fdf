"""What methods came to on known networks, in short: from results to a file, and from a file to words in a report."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import BrickbenchError
from evaluation.gold.calibration import Calibration, GoldResult
from evaluation.gold.checks import TESTS
from evaluation.gold.known import KnownMethod, known_methods, read_known
from evaluation.report.known_truth import MARK, truth_lines, truth_words
from evaluation.statistics.table import MethodLabel
from explain.cam.layers import LayerSettings
from explain.method_key import MethodKey
from explain.methods import METHODS, create_method
from explain.perturbation.lime import LimeSettings
from explain.store import keep_default_layer, method_folder
from training.network.models import create_model


class AnyRun:
    """What `truth_lines` asks of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder


def result(test: str, network: str, outcome: Any, value: float, reason: str = "", method: str = "lime") -> GoldResult:
    """Return one result."""
    limits = TESTS[test]
    return GoldResult(method, network, test, value, limits.limit, limits.direction, outcome, 2, reason)


@pytest.fixture
def known() -> KnownMethod:
    """Return a method that passes one test, fails one, and is not asked another."""
    results = (
        result("hit", "colour", "pass", 1.0),
        result("hit", "shadow", "pass", 0.9),
        result("mass", "colour", "pass", 0.8),
        result("mass", "shadow", "fail", 0.3, "it is coarse"),
        result("mass", "coarse", "fail", 0.1),
        result("floor", "colour", "fail", 0.9, "it is coarse"),
        result("floor", "coarse", "fail", 0.4, "it is coarse"),
        result("sign", "colour", "not applicable", float("nan"), "its maps have no sign"),
        result("sign", "difference", "not applicable", float("nan"), "its maps have no sign"),
    )
    (found,) = known_methods(Calibration(results, ()), {"lime": {"num_samples": 50}})
    return found


def test_results_are_joined_over_networks_the_worst_one_told(known: KnownMethod) -> None:
    assert list(known.tests) == ["hit", "sign", "mass", "floor"]  # in the order of tables
    assert known.failed == ["mass", "floor"]
    mass = known.tests["mass"]
    assert (mass.networks, mass.failed, mass.worst) == (3, ("shadow", "coarse"), 0.1)
    assert mass.reasons == ("it is coarse", "not explained")
    assert known.tests["floor"].worst == 0.9  # the most, where less is better
    assert (known.tests["sign"].result, known.tests["sign"].reasons) == ("not applicable", ("its maps have no sign",))


def test_a_file_gives_back_what_was_written(known: KnownMethod, tmp_path: Path) -> None:
    path = tmp_path / "gold.json"
    path.write_text(json.dumps({"methods": [known.as_row(), known.as_row() | {"method": "of another version"}]}))
    assert read_known(path) == [known]


@pytest.mark.parametrize("text", ["", "[]", '{"tests": []}', '{"methods": [{"method": "lime"}]}'])
def test_a_file_of_something_else_is_told_with_the_way_out(text: str, tmp_path: Path) -> None:
    path = tmp_path / "gold.json"
    path.write_text(text)
    with pytest.raises(BrickbenchError, match=r"gold\.json holds no results .* evaluate gold DATASET --json > FILE"):
        read_known(path)


def test_what_comes_with_brickbench_tells_of_every_method_and_explains_each_failure() -> None:
    found = {one.method: one for one in read_known()}
    assert set(found) == set(METHODS)
    for one in found.values():
        assert one.settings == {}
        assert "not explained" not in [reason for test in one.tests.values() for reason in test.reasons]
    assert found["oracle"].failed == []
    assert "hit" in found["random"].failed


def test_maps_are_known_by_their_settings_but_for_what_the_network_gives(known: KnownMethod) -> None:
    assert known.is_of(LimeSettings(num_samples=50, mean=(0.5, 0.5, 0.5)))
    assert not known.is_of(LimeSettings())
    of_cam = KnownMethod("gradcam", {}, {})
    by_rule = create_method("gradcam", create_model("bricknet", 2, width=0.1)).settings
    assert of_cam.is_of(by_rule, is_default_layer=True)
    assert not of_cam.is_of(by_rule)  # somebody named that layer
    at_one = KnownMethod("gradcam", {"layer": "act1"}, {})
    assert at_one.is_of(LayerSettings(layer="act1"))
    assert not at_one.is_of(LayerSettings(layer="act2"), is_default_layer=True)


def test_a_report_says_which_of_its_methods_fail_and_which_were_not_tested(known: KnownMethod, tmp_path: Path) -> None:
    def label(name: str, settings: Any, *, is_baseline: bool = False, by_rule: bool = False) -> MethodLabel:
        folder = method_folder(tmp_path, name, settings)
        if by_rule:
            keep_default_layer(folder, "reads layer act1")
        return MethodLabel(MethodKey.parse(folder.name), name, METHODS[name].title, is_baseline)

    methods = [
        label("lime", LimeSettings(num_samples=50)),
        label("lime", LimeSettings(num_samples=60)),
        label("gradcam", LayerSettings(layer="act1"), by_rule=True),
        label("gradcam", LayerSettings(layer="act2")),
        label("edges", METHODS["edges"].settings(), is_baseline=True),
    ]
    lines = truth_lines(AnyRun(tmp_path), methods, [known, KnownMethod("gradcam", {}, {})])  # type: ignore[arg-type]
    assert [line.method for line in lines] == methods[:4]
    fails, other, passes, at_a_named_layer = lines
    assert [fails.cell(name) for name in ("hit", "sign", "mass", "near")] == ["pass", "–", "fails 2 of 3", "not tested"]
    assert fails.reasons == ["Mass and floor: it is coarse.", "Mass: not explained."]
    assert (other.known, other.has_other_settings, other.cell("hit")) == (None, True, "not tested")
    assert (passes.failed, passes.has_other_settings) == ([], False)
    assert (at_a_named_layer.known, at_a_named_layer.has_other_settings) == (None, True)
    failing, unknown = truth_words(lines)
    assert "LIME (mass and floor)" in failing
    assert MARK in failing
    assert unknown.startswith("LIME and Grad-CAM were not tested")
    assert truth_words([passes]) == []
