"""The registry in words: what a terminal of 100 columns shows, and what JSON holds."""

import json

import pytest
from click.testing import CliRunner

from core.errors import SettingsError
from explain.commands import explain
from explain.methods import METHODS


def test_the_list_fits_100_columns_and_names_everything() -> None:
    text = CliRunner().invoke(explain, ["methods"], catch_exceptions=False).stdout
    assert max(map(len, text.splitlines())) <= 100
    flat = " ".join(text.split())
    for row in METHODS.values():
        assert f"\n{row.name} " in text
        for fact in (row.source, row.cost, row.note):
            assert fact in flat
    assert "Settings: steps=50, baseline='mean'." in flat
    assert [line for line in text.splitlines() if line.isupper()] == [
        "CLASS ACTIVATION",
        "GRADIENTS",
        "ATTENTION",
        "PERTURBATION",
        "BASELINE",
    ]


def test_json_is_whole() -> None:
    rows = json.loads(CliRunner().invoke(explain, ["methods", "--json"], catch_exceptions=False).stdout)
    assert [row["method"] for row in rows] == list(METHODS)
    assert rows[0] == {
        "method": "gradcam",
        "title": "Grad-CAM",
        "kind": "method",
        "family": "class activation",
        "cost": "1 forward, K short backward",
        "claims": "place, class, sign",
        "no_zero": METHODS["gradcam"].no_zero,
        "signed": True,
        "resize": "bilinear",
        "settings": "layer=None",
        "source": "Selvaraju et al. 2017",
        "note": METHODS["gradcam"].note,
    }


def test_settings_of_one_method() -> None:
    text = CliRunner().invoke(explain, ["methods", "smoothgrad"], catch_exceptions=False).stdout
    assert text.splitlines()[0] == "num_samples           50 (a whole number)"
    assert max(map(len, text.splitlines())) <= 100
    rows = json.loads(CliRunner().invoke(explain, ["methods", "lime", "--json"], catch_exceptions=False).stdout)
    by_name = {row["setting"]: row for row in rows}
    assert by_name["segmentation"]["values"] == "slic, quickshift, felzenszwalb"
    assert by_name["hide_color"]["values"] == "superpixel, mean or a number or 3 numbers"
    assert by_name["num_samples"] == {
        "setting": "num_samples",
        "default": 1000,
        "values": "a whole number",
        "meaning": "Perturbed pictures for each picture.",
    }
    assert "mean" not in by_name  # the checkpoint gives it
    rows = json.loads(CliRunner().invoke(explain, ["methods", "deeplift", "--json"], catch_exceptions=False).stdout)
    assert [row["values"] for row in rows] == ["a number or mean"]
    assert CliRunner().invoke(explain, ["methods", "uniform"], catch_exceptions=False).stdout == "No settings.\n"
    with pytest.raises(SettingsError, match=r"^There is no method 'limes' \(did you mean 'lime'\?\)"):
        CliRunner().invoke(explain, ["methods", "limes"], catch_exceptions=False)


@pytest.mark.parametrize("name", list(METHODS))
def test_every_setting_says_what_it_means(name: str) -> None:
    rows = json.loads(CliRunner().invoke(explain, ["methods", name, "--json"], catch_exceptions=False).stdout)
    assert all(row["meaning"] and row["values"] for row in rows)
