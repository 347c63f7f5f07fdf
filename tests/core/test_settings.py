from pathlib import Path

import pytest

from core.errors import SettingsError
from core.settings import Settings


class Inner(Settings):
    depth: int = 1


class Example(Settings):
    samples: int = 16
    inner: Inner = Inner()


def test_an_unknown_setting_names_the_nearest_one() -> None:
    with pytest.raises(SettingsError) as caught:
        Example.parse({"sample": 3})
    assert str(caught.value) == (
        "In the settings: unknown setting 'sample' (did you mean 'samples'?); known are inner, samples."
    )


def test_an_unknown_inner_setting_is_named_with_its_path() -> None:
    with pytest.raises(SettingsError, match=r"unknown setting 'inner\.dept' \(did you mean 'depth'\?\)"):
        Example.parse({"inner": {"dept": 3}})


def test_a_wrong_value_says_what_was_expected_and_what_came() -> None:
    with pytest.raises(SettingsError, match="samples = 'many': input should be a valid integer"):
        Example.parse({"samples": "many"})


def test_saving_and_loading_give_the_same_settings(tmp_path: Path) -> None:
    settings = Example(samples=3, inner=Inner(depth=4))
    settings.save(tmp_path / "s.yaml")
    assert Example.load(tmp_path / "s.yaml") == settings
    assert Example.load(tmp_path / "s.yaml", samples=9) == Example(samples=9, inner=Inner(depth=4))
    assert Example.load(tmp_path / "s.yaml", samples=None) == settings


def test_the_digest_changes_with_any_field() -> None:
    assert Example().digest() == Example(samples=16).digest()
    assert len({Example().digest(), Example(samples=2).digest(), Example(inner=Inner(depth=2)).digest()}) == 3


def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("- 1\n- 2\n")
    with pytest.raises(SettingsError, match="should hold `name: value` lines; it holds a list"):
        Example.load(tmp_path / "s.yaml")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("a: [1,\n")
    with pytest.raises(SettingsError, match="Cannot read the settings file"):
        Example.load(tmp_path / "s.yaml")
