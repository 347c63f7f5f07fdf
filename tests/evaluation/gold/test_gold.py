"""Networks whose reasons are known: they use what they claim, and the tests tell right maps from wrong ones."""

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from toy import make_toy_dataset

from core.errors import BrickbenchError
from dataset.dataset_folder import DatasetFolder
from dataset.loading.network_input import IMAGENET_MEAN, IMAGENET_STD, network_input
from evaluation.commands import evaluate
from evaluation.gold.calibration import Calibration, calibrate
from evaluation.gold.cases import CASES
from evaluation.gold.checks import TESTS
from evaluation.gold.networks import BIAS, GAIN
from evaluation.gold.pictures import REGIONS, SIDE_PX, GoldPictures
from evaluation.gold.table import gold_rows, reason_lines
from evaluation.gold.transformers import SHARPNESS, TAKEN_GAIN
from explain.attention.weights import OpenAttention
from explain.methods import METHODS
from explain.protocol import CLAIMS

TRANSFORMERS = ("attention", "sink", "values_moved")
QUICK = ("gradcam", "saliency", "input_x_gradient", "random", "oracle")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset in which some pictures show two parts."""
    return make_toy_dataset(tmp_path_factory.mktemp("gold") / "dataset", piles=40)


@pytest.fixture(scope="module")
def pictures(folder: Path) -> GoldPictures:
    """Return four coloured pictures."""
    return GoldPictures(folder, 4)


@pytest.fixture(scope="module")
def found(folder: Path) -> Calibration:
    """Return what quick methods make of every network."""
    return calibrate(DatasetFolder.open(folder), {name: {} for name in QUICK}, pictures=2)


def logits(case: str, image: np.ndarray[Any, Any]) -> list[float]:
    """Return the logits of a network for a picture (S, S, 3) uint8."""
    with torch.no_grad():
        given = network_input(image, SIDE_PX, IMAGENET_MEAN, IMAGENET_STD)[None]
        return [float(value) for value in CASES[case].create()(given)[0]]


def without(pictures: GoldPictures, region: str) -> np.ndarray[Any, Any]:
    """Return the first picture with a region painted light grey."""
    image = pictures.image(0).copy()
    image[pictures.masks(0)[region]] = 180
    return image


def result_of(found: Calibration, method: str, network: str, test: str) -> Any:
    """Return one result."""
    (one,) = [one for one in found.results if (one.method, one.network, one.test) == (method, network, test)]
    return one


def test_coloured_pictures_keep_the_masks_and_hold_every_region_once(pictures: GoldPictures) -> None:
    for index in range(4):
        image, masks = pictures.image(index).astype(int), pictures.masks(index)
        assert image.shape == (SIDE_PX, SIDE_PX, 3)
        apart = [masks[name] for name in REGIONS if name != "both_patches"]
        assert np.stack(apart).sum(axis=0).max() == 1  # no pixel is in two regions
        red, blue = image[masks["first"]], image[masks["second"]]
        assert (red[:, 0] > 2 * red[:, 1]).all()
        assert (blue[:, 2] > 2 * blue[:, 1]).all()
        rest = image[~np.any(apart, axis=0)]
        assert (rest == rest[:, :1]).all()  # grey
        assert not (pictures.all_bricks_mask(index) & (masks["both_patches"] | masks["shadow"])).any()


def test_the_colour_network_counts_what_a_loop_over_pixels_counts(pictures: GoldPictures) -> None:
    image = pictures.image(0)
    rgb = image / 255
    expected = [
        BIAS + GAIN * float(np.maximum(2 * (2 * rgb[..., own] - rgb.sum(axis=2) - 0.1), 0).mean()) for own in (0, 2)
    ]
    assert logits("colour", image) == pytest.approx(expected, rel=1e-4)
    assert logits("colour", without(pictures, "first")) == pytest.approx([BIAS, expected[1]], rel=1e-4)


@pytest.mark.parametrize("other", ["moved", "scaled", "relu6", "coarse", "beside"])
def test_networks_with_other_parameters_have_the_same_logits(pictures: GoldPictures, other: str) -> None:
    assert logits(other, pictures.image(1)) == pytest.approx(logits("colour", pictures.image(1)), abs=1e-4)


def test_the_transformer_reads_what_a_loop_over_patches_reads(pictures: GoldPictures) -> None:
    image = pictures.image(0)
    rgb = image / 255

    def logit(own: int) -> float:
        amounts = np.maximum(2 * (2 * rgb[..., own] - rgb.sum(axis=2) - 0.1), 0)
        patches = [amounts[i : i + 8, j : j + 8].mean() for i in range(0, 112, 8) for j in range(0, 112, 8)]
        attended = [math.exp(SHARPNESS * amount) for amount in (*patches, 0.0)]  # the class token attends to itself too
        shares = [one / sum(attended) for one in attended]
        taken = sum(share * amount for share, amount in zip(shares, patches, strict=False))
        return BIAS + TAKEN_GAIN * taken

    assert logits("attention", image) == pytest.approx([logit(0), logit(2)], abs=2e-3)


@pytest.mark.parametrize("other", ["sink", "values_moved"])
def test_transformers_with_other_parameters_have_the_same_logits(pictures: GoldPictures, other: str) -> None:
    assert logits(other, pictures.image(1)) == pytest.approx(logits("attention", pictures.image(1)), abs=2e-3)


def test_the_sink_is_attended_to_and_nothing_is_taken_from_there(pictures: GoldPictures) -> None:
    network: Any = CASES["sink"].create()
    image = network_input(pictures.image(0), SIDE_PX, IMAGENET_MEAN, IMAGENET_STD)[None]
    with torch.no_grad(), OpenAttention() as attention:
        network(image)
    grid = attention.weights[1][0, 2, 0, 1:].reshape(14, 14).numpy()
    on_disc = cv2.resize(pictures.masks(0)["shadow"].astype(np.float32), (14, 14), interpolation=cv2.INTER_AREA)
    assert grid[on_disc > 0].sum() > 0.8


@pytest.mark.parametrize("case", CASES)
def test_a_logit_depends_on_its_regions_and_on_nothing_else(pictures: GoldPictures, case: str) -> None:
    before = logits(case, pictures.image(0))
    for region in ("first", "second", "patch", "other_patch", "shadow"):
        after = logits(case, without(pictures, region))
        for one, old, new in zip(CASES[case].classes, before, after, strict=True):
            reasons = (one.speaks_for, one.speaks_against)
            if region == one.speaks_for or (one.speaks_for == "both_patches" and "patch" in region):
                assert new < old - 0.3
            elif region in reasons:
                assert new > old + 0.3
            else:
                assert new == pytest.approx(old, abs=2e-3 if case in TRANSFORMERS else 1e-4)


def test_one_of_two_things_that_are_needed_together_does_not_suffice(pictures: GoldPictures) -> None:
    assert logits("together", pictures.image(0))[0] > BIAS + 1
    for region in ("patch", "other_patch"):
        assert logits("together", without(pictures, region)) == pytest.approx([BIAS], abs=1e-4)


def test_the_mask_itself_passes_and_noise_fails(found: Calibration) -> None:
    assert [one for one in found.results if one.method == "oracle" and one.result == "fail"] == []
    failed = {one.test for one in found.results if one.method == "random" and one.result == "fail"}
    assert failed >= {"hit", "class", "mass", "floor"}
    assert result_of(found, "random", "difference", "sign").result == "not applicable"


def test_a_layer_that_looks_beside_is_told_from_one_that_looks_where_it_should(folder: Path) -> None:
    dataset, cases = DatasetFolder.open(folder), (CASES["beside"],)
    beside = calibrate(dataset, {"hirescam": {"layer": "stages.3"}}, pictures=3, cases=cases)
    right = calibrate(dataset, {"hirescam": {"layer": "stages.1"}}, pictures=3, cases=cases)
    assert result_of(beside, "hirescam", "beside", "hit").value < 0.3
    assert result_of(right, "hirescam", "beside", "hit").value == 1.0


def test_a_constant_in_a_channel_changes_the_mass_of_class_activation_maps_and_no_hit(found: Calibration) -> None:
    mass = {one.network: one.mass_accuracy for one in found.scores if one.method == "gradcam"}
    assert mass["moved"] < 0.7 * mass["colour"]
    assert {result_of(found, "gradcam", name, "hit").value for name in ("colour", "coarse")} == {1.0}
    assert result_of(found, "gradcam", "moved", "invariance").result == "pass"  # but for where 0 lies
    assert result_of(found, "gradcam", "scaled", "invariance").result == "pass"
    assert result_of(found, "input_x_gradient", "moved", "invariance").result == "pass"


def test_gradients_vanish_where_a_rectifier_saturates(found: Calibration) -> None:
    assert result_of(found, "saliency", "relu6", "mass").result == "pass"
    assert result_of(found, "saliency", "relu6_50", "mass").result == "fail"
    assert result_of(found, "gradcam", "relu6_50", "hit").result == "pass"


def test_a_map_of_one_value_is_not_asked_for_its_mass(folder: Path) -> None:
    found = calibrate(DatasetFolder.open(folder), {"uniform": {}}, pictures=1, cases=(CASES["floor_patch"],))
    told = {one.test: (one.result, one.reason) for one in found.results}
    assert told["mass"] == told["near"] == ("not applicable", "its maps are one value")
    assert told["hit"] == ("fail", "it does not look at the network")


def test_reasons_are_told_once_with_the_methods_and_networks_they_are_for(found: Calibration) -> None:
    lines = reason_lines(found)
    assert "saliency, input_x_gradient on relu6_10, relu6_50: the gradient is 0 where a rectifier saturates." in lines
    assert sum(line.endswith(": it does not look at the network.") for line in lines) == 1
    rows = {row["method"]: row for row in gold_rows(found)}
    assert (rows["oracle"]["hit"], rows["oracle"]["sign"]) == ("pass", "–")
    assert rows["saliency"]["mass"] == "0.00 relu6_10, 2 of 12"


def test_a_method_is_asked_for_what_its_maps_are_meant_for(found: Calibration) -> None:
    for one in found.results:
        row, claim = METHODS[one.method], TESTS[one.test].claim
        if row.kind == "method" and claim is not None:
            assert (one.result == "not applicable") == (claim not in row.claims)
    told = result_of(found, "gradcam", "colour", "mass")
    assert (told.result, told.reason) == ("not applicable", METHODS["gradcam"].no_zero)


def test_each_method_says_what_its_maps_are_for() -> None:
    for row in METHODS.values():
        assert bool(row.claims) == (row.kind == "method")
        assert bool(row.no_zero) == (row.kind == "method" and "mass" not in row.claims)
        assert list(row.claims) == [claim for claim in CLAIMS if claim in row.claims]
        assert row.signed or "sign" not in row.claims


def test_signs_are_asked_of_methods_that_have_them(found: Calibration) -> None:
    assert result_of(found, "saliency", "difference", "sign").result == "not applicable"
    assert result_of(found, "gradcam", "difference", "sign").result == "pass"


def test_lime_finds_a_plain_colour_unless_it_paints_it_with_itself(folder: Path) -> None:
    def hit(**settings: object) -> float:
        settings |= {"segmentation": "slic", "n_segments": 40, "num_samples": 200}
        done = calibrate(DatasetFolder.open(folder), {"lime": settings}, pictures=3, cases=(CASES["colour"],))
        return float(result_of(done, "lime", "colour", "hit").value)

    assert hit() > 0.95
    assert hit(hide_color="superpixel") < 0.8


def test_attention_is_told_from_what_is_taken(folder: Path) -> None:
    methods = {name: {} for name in ("attention_rollout", "chefer", "legrad", "attn_lrp")}
    cases = tuple(CASES[name] for name in ("colour", *TRANSFORMERS))
    found = calibrate(DatasetFolder.open(folder), methods, pictures=2, cases=cases)
    assert found.unexplained == []
    failed = {(one.method, one.network, one.test) for one in found.results if one.result == "fail"}
    assert failed == {
        *(("attention_rollout", network, test) for network in ("attention", "sink") for test in ("hit", "near")),
        ("attention_rollout", "sink", "invariance"),
        ("chefer", "values_moved", "invariance"),
    }
    assert result_of(found, "attention_rollout", "sink", "hit").value < 0.2
    convolutional = [one for one in found.results if one.network == "colour"]
    assert {one.result for one in convolutional} == {"not applicable"}
    assert result_of(found, "chefer", "colour", "hit").reason.startswith("Method chefer reads attention weights; ")


def test_every_failure_at_default_settings_has_a_reason(found: Calibration) -> None:
    assert found.unexplained == []


def test_the_same_seed_gives_the_same_results_and_another_one_other_pictures(folder: Path) -> None:
    dataset, methods, cases = DatasetFolder.open(folder), {"random": {}}, (CASES["floor_patch"],)
    first, again, other = (calibrate(dataset, methods, pictures=2, seed=seed, cases=cases) for seed in (0, 0, 1))
    assert first == again
    assert GoldPictures(folder, 2).image_ids != GoldPictures(folder, 2, seed=1).image_ids
    assert first.scores != other.scores


def test_too_few_pictures_are_told(folder: Path) -> None:
    with pytest.raises(BrickbenchError, match=r"pictures that show two parts.*900 were asked for.*--pictures"):
        GoldPictures(folder, 900)


def test_the_command_prints_a_row_a_method_and_the_tests(folder: Path) -> None:
    arguments = ["gold", str(folder), "--method", "saliency", "--method", "oracle", "--pictures", "1"]
    printed = CliRunner().invoke(evaluate, arguments)
    assert printed.exit_code == 0, printed.output
    rows = [line.split()[0] for line in printed.stdout.splitlines()[2:4]]
    assert rows == ["saliency", "oracle"]
    assert all(f"{name}: {test.question}" in printed.stdout for name, test in TESTS.items())
    as_json = CliRunner().invoke(evaluate, [*arguments, "--json"])
    tests = json.loads(as_json.stdout)["tests"]
    assert len(tests) == 2 * sum(len(case.tests) for case in CASES.values())


def test_settings_without_a_method_are_refused(folder: Path) -> None:
    refused = CliRunner().invoke(evaluate, ["gold", str(folder), "--set", "lime.seed=1"])
    assert str(refused.exception) == "--set needs --method: name the methods that it is for."
