"""Pictures an hour of several workers: all of them are busy at the same time, and a worker that fails is told."""

import pytest
from click.testing import CliRunner

from core.errors import BrickbenchError
from render.commands import render
from render.rates import _render_one, _TrialPile, measure_rates
from render.settings import RenderSettings
from render.worker import start_blender

TINY = {"image_size_px": 32, "samples": 1, "bricks_max": 1, "parts": ["3005"], "views": 2}


def test_a_trial_pile_counts_all_of_its_pictures() -> None:
    start_blender(1)
    pictures, seconds = _render_one(_TrialPile(RenderSettings.parse(TINY), 0, 0))
    assert pictures == 2
    assert seconds > 0


@pytest.mark.slow
def test_each_number_of_workers_gets_its_rate() -> None:
    rates = measure_rates(RenderSettings.parse(TINY), 0, "cpu", [1, 2], piles=2)
    assert [rate.workers for rate in rates] == [1, 2]
    assert all(rate.pictures_an_hour > 100 for rate in rates)


@pytest.mark.slow
def test_a_device_that_is_not_there_is_told() -> None:
    with pytest.raises(BrickbenchError, match="finds no GPU for --device metal"):
        measure_rates(RenderSettings.parse(TINY), 0, "metal", [2], piles=1)


def test_numbers_of_workers_need_piles_on_trial() -> None:
    result = CliRunner().invoke(render, ["plan", "-o", "piles", "--trial", "0", "--try-workers", "2"])
    assert "--try-workers needs --trial" in str(result.exception)
