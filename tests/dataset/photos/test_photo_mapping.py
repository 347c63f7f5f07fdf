"""Classes turned into parts, and all unknown ones told at once."""

from pathlib import Path

import pytest

from core.errors import SettingsError
from dataset.manifest import PartInfo
from dataset.photos.mapping import load_mapping, map_classes

PARTS = (
    PartInfo(part_id="3001", name="Brick 2 x 4", category="brick"),
    PartInfo(part_id="3062b", name="Brick 1 x 1 Round", category="round"),
)


def test_classes_are_known_by_number_name_and_mapping() -> None:
    classes = ["3001", "3062B", "brick 2 X 4", "stein", "hand"]
    mapping = {"stein": "3062b", "hand": None, "3001": "Brick 1 x 1 Round"}
    part_of, added = map_classes(classes, PARTS, mapping, keep_names=False, take_targets=False)
    assert part_of == {"3001": "3062b", "3062B": "3062b", "brick 2 X 4": "3001", "stein": "3062b", "hand": None}
    assert added == ()


def test_all_unknown_classes_are_listed_with_near_matches() -> None:
    with pytest.raises(SettingsError) as error:
        map_classes(["Brick 2x4", "3001b", "été", "s"], PARTS, {"s": "3062c"}, keep_names=False, take_targets=False)
    assert str(error.value) == (
        "4 classes are no part of the dataset: '3001b' (did you mean '3001'?), 'Brick 2x4' (did you mean "
        "'Brick 2 x 4'?), 's' (mapped to '3062c') (did you mean '3062b'?), 'été'. Say what they are in a YAML file of "
        "`class name: part_id` lines (null leaves a class out) and give it with --mapping, or add --keep-names to make "
        "each of them a part of its own."
    )
    with pytest.raises(SettingsError, match=r"^1 class is no part of the dataset, which has none yet: 'a'\. Say"):
        map_classes(["a"], (), {}, keep_names=False, take_targets=True)
    with pytest.raises(SettingsError, match=r"'099' and 60 more\. Say"):
        map_classes([f"{n:03d}" for n in range(60, 160)], (), {}, keep_names=False, take_targets=True)


def test_names_are_kept_and_targets_taken() -> None:
    part_of, added = map_classes(["b", "a", "c"], PARTS, {"c": "a", "b": "3001"}, keep_names=True, take_targets=False)
    assert part_of == {"a": "a", "b": "3001", "c": "a"}
    assert added == (PartInfo(part_id="a", name="a", category="photo"),)
    part_of, added = map_classes(["x"], (), {"x": "3001"}, keep_names=False, take_targets=True)
    assert (part_of, [part.part_id for part in added]) == ({"x": "3001"}, ["3001"])


def test_a_mapping_file_is_text_throughout(tmp_path: Path) -> None:
    path = tmp_path / "names.yaml"
    path.write_text("3001: 0123\nno: 3062b\n' spaced ': null\nempty:\n'~': ~\n", encoding="utf-8")
    assert load_mapping(path) == {"3001": "0123", "no": "3062b", "spaced": None, "empty": None, "~": None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 3001\n", "The mapping file {} should hold `class name: part_id` lines."),
        ("a: [3001]\n", "The mapping file {} should hold `class name: part_id` lines."),
        ("a: 1\n'a ': 2\n", "The mapping file {} has the class 'a' twice."),
        (
            "a: 'x\n",
            "Cannot read the mapping file {}: it is no YAML in line 1, column 4: while scanning a quoted scalar",
        ),
    ],
)
def test_a_wrong_mapping_file_is_told(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "names.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as error:
        load_mapping(path)
    assert str(error.value).startswith(message.format(path))
