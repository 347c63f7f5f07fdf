import json
import math

import pytest

from core.cli import parse_choices, print_json, print_rows
from core.errors import SettingsError


def test_choices_and_their_settings() -> None:
    assert parse_choices("method", "gradcam, lime", ("lime.num_samples=300", "lime.hide_color=null")) == {
        "gradcam": {},
        "lime": {"num_samples": 300, "hide_color": None},
    }


@pytest.mark.parametrize(
    ("names", "settings", "message"),
    [
        ("lime", ["rise.n=1"], "--set 'rise.n=1' should read METHOD.NAME=VALUE with a method of lime."),
        ("lime", ["lime=1"], "--set 'lime=1' should read METHOD.NAME=VALUE with a method of lime."),
        (" , ", [], "No method was named: give --methods a comma-separated list."),
    ],
)
def test_choices_that_cannot_be_read(names: str, settings: list[str], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_choices("method", names, settings)
    assert str(caught.value) == message


def test_a_table_aligns_numbers_and_marks_what_is_undefined(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"name": "a", "value": 0.123456}, {"name": "bc", "value": math.nan}], as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[2:]] == [["a", "0.1235"], ["bc", "–"]]
    assert len({len(line.rstrip()) for line in lines}) == 1


def test_json_has_null_for_what_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": math.nan, "b": [1, math.inf, True], "c": None})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [1, None, True], "c": None}
    print_rows([], as_json=True)
    assert json.loads(capsys.readouterr().out) == []
