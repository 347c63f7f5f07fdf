"""Power by simulation: what it counts, how the needed number is found, plot and command."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from core.errors import SettingsError
from evaluation.study.commands.power import power as command
from evaluation.study.power.plot import write_power
from evaluation.study.power.power import PowerPoint, needed_people, power_grid, simulate_chunk
from evaluation.study.power.power_plan import PowerPlan

POINT = PowerPoint(10, 8, 0.7, 0.75, 0.6, 0.85, 0.9, 40)


@pytest.fixture
def counted(monkeypatch):
    """Let simulations reject in people / 50 of the studies, and tell which sizes were simulated."""
    sizes = []

    def chunk(work):
        people, items, start, plan = work
        count = min(20, plan.simulations - start)
        sizes.append((people, items))
        return people, items, count, (round(count * min(people / 50, 1)), count)

    monkeypatch.setattr("evaluation.study.power.power.simulate_chunk", chunk)
    return sizes


def test_a_strong_preference_is_found_and_the_seed_decides():
    plan = PowerPlan(0.95, person_sd=0.2, item_sd=0.2, simulations=8)
    (strong,) = power_grid([(8, 8)], plan, workers=1)
    assert strong.power == strong.pooled == 1.0
    plan = PowerPlan(0.7, simulations=6, seed=3)
    one, same = (power_grid([(6, 5)], plan, workers=1) for _ in range(2))
    assert one == same


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing():
    plan = PowerPlan(0.7, simulations=24, seed=3)
    assert power_grid([(6, 5), (5, 6)], plan, workers=2) == power_grid([(6, 5), (5, 6)], plan, workers=1)


@pytest.mark.slow
def test_the_pooled_test_rejects_what_is_true_in_a_fifth_of_studies_and_ours_in_a_twentieth():
    (point,) = power_grid([(10, 10)], PowerPlan(0.5, simulations=600, seed=1), workers=1)
    assert point.pooled == pytest.approx(0.20, abs=0.05)  # standard error 0.016
    assert point.power == pytest.approx(0.05, abs=0.027)  # 0.009


def test_a_chunk_counts_its_own_simulations():
    plan = PowerPlan(0.9, person_sd=0.1, item_sd=0.1, simulations=23, seed=0)
    people, items, count, rejected = simulate_chunk((6, 6, 20, plan))
    assert (people, items, count) == (6, 6, 3)
    assert 0 <= rejected[0] <= 3


def test_intervals_are_those_that_the_simulations_leave(counted):
    (point,) = power_grid([(20, 5)], PowerPlan(0.7, simulations=40), workers=1)
    assert point.power == 0.4
    z = 1.959964
    middle = (16 + z**2 / 2) / (40 + z**2)
    half = z / (40 + z**2) * np.sqrt(16 * 24 / 40 + z**2 / 4)  # Wilson 1927
    assert (point.low, point.high) == pytest.approx((middle - half, middle + half), abs=1e-6)


def test_the_least_number_of_people_is_found_by_halving(counted):
    found, points = needed_people(5, [10, 80, 20], PowerPlan(0.7, simulations=100), wanted=0.8, workers=1)
    assert found == 40
    tried = [point.people for point in points]
    assert tried == sorted(tried)
    assert {10, 20, 80, 40} <= set(tried)
    assert len(tried) <= 9
    assert needed_people(5, [10, 20], PowerPlan(0.7, simulations=20), wanted=0.8, workers=1)[0] is None
    assert needed_people(5, [45, 80], PowerPlan(0.7, simulations=20), wanted=0.8, workers=1)[0] == 45


@pytest.mark.parametrize(
    ("size", "plan", "message"),
    [
        ((1, 5), PowerPlan(0.7), "2 people and 2 items at least, not 1 and 5"),
        ((5, 5), PowerPlan(1.2), "between 0 and 1, not at 1.2"),
        ((5, 5), PowerPlan(0.7, item_sd=-1), "standard deviations from 0 up, not 200, 0.5 and -1"),
    ],
)
def test_impossible_plans_are_refused(size, plan, message):
    with pytest.raises(SettingsError, match=message):
        power_grid([size], plan, workers=1)


@pytest.mark.parametrize("ending", ["html", "svg", "png"])
def test_plots_are_the_same_bytes_each_time(tmp_path, ending):
    out = [tmp_path / f"{name}.{ending}" for name in "ab"]
    for path in out:
        write_power(path, PowerPlan(0.7), [POINT], {8: None}, wanted=0.8)
    assert out[0].read_bytes() == out[1].read_bytes()
    if ending == "html":
        text = out[0].read_text()
        assert "None of these studies finds a share of 70 % with a power of 0.80" in text
        assert 'aria-label="Power by number of people and items, 0.8 wanted. 10 people on 8 items 0.75' in text
        assert "https:" not in text
    with pytest.raises(SettingsError, match=r"The plot's file ends in .html, .svg, .png, not like plot.pdf"):
        write_power(tmp_path / "plot.pdf", PowerPlan(0.7), [POINT], {}, wanted=0.8)


def test_the_command_says_how_many_are_needed(tmp_path, counted):
    args = ["--people", "10,80", "--items", "5,6", "--simulations", "100", "--workers", "1", "--share", "0.7"]
    run = CliRunner().invoke(command, [*args, "-o", str(tmp_path / "p.svg")])
    assert run.exit_code == 0, run.output
    assert "5 items: 40 people for a power of 0.8 at a share of 0.7" in run.output
    assert (tmp_path / "p.svg").is_file()
    run = CliRunner().invoke(command, [*args, "-o", str(tmp_path / "p.svg")])
    assert str(run.exception).endswith("p.svg is there already: choose another place with -o, or give --force.")
    told = json.loads(CliRunner(catch_exceptions=False).invoke(command, [*args, "--json"]).stdout)
    assert told["needed"] == [{"items": 5, "people": 40}, {"items": 6, "people": 40}]
    assert told["plan"]["share"] == 0.7
    run = CliRunner().invoke(command, ["--people", "ten"])
    assert str(run.exception) == "--people takes whole numbers with commas, such as 10,20,40, not 'ten'."
