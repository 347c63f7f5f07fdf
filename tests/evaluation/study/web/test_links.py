"""Personal links, secrets, texts and the names of sheets: what is written, kept and refused."""

import csv
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from core.errors import BrickbenchError, SettingsError
from evaluation.study.commands.serve import bundle, parse_sheets
from evaluation.study.settings import SETTINGS_FILE, StudySettings
from evaluation.study.web.blind_study import read_blind
from evaluation.study.web.links import PARTICIPANTS, ensure_links, read_access
from evaluation.study.web.pages import known_languages, load_words, participant_page, study_words
from evaluation.study.web.requests import TOKEN


def test_links_stay_when_more_are_made_or_the_address_changes(tmp_path: Path) -> None:
    first = ensure_links(tmp_path, 2, "http://here/")
    assert list(first) == ["P0001", "P0002"]
    assert all(TOKEN.fullmatch(token) for token in first.values())
    path = tmp_path / PARTICIPANTS
    text = path.read_text(encoding="utf-8")
    assert ensure_links(tmp_path, 1, "http://here/") == first
    assert path.read_text(encoding="utf-8") == text
    path.write_text(text.replace("link\n", "link,mail\n").replace("P0001,", '"P0001",').replace("\n", "\r\n"))
    more = ensure_links(tmp_path, 3, "https://there/")
    assert {name: more[name] for name in first} == first
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["link"] for row in rows] == [f"https://there/#{token}" for token in more.values()]
    assert list(rows[0]) == ["participant", "link", "mail"]  # what somebody added is kept


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("participant;link\nP0001;http://here/#x\n", "should have the columns participant and link and commas"),
        ("participant,link\nP0001,http://here/#short\n", "Line 2 of "),
        ("participant,link\n,http://here/#" + "x" * 32 + "\n", "Line 2 of "),
        (f"participant,link\nA,#{'x' * 32}\nA,#{'y' * 32}\n", "has the participant 'A' twice"),
    ],
)
def test_a_list_that_was_spoilt_is_refused_and_stays(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / PARTICIPANTS
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BrickbenchError, match=words):
        ensure_links(tmp_path, 5, "http://here/")
    assert path.read_text(encoding="utf-8") == text


def test_secrets_stay(tmp_path: Path) -> None:
    access = read_access(tmp_path)
    assert read_access(tmp_path) == access
    assert len({access.organiser, access.invitation}) == 2
    (tmp_path / "access.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BrickbenchError, match=r"access\.json is damaged\. Delete it"):
        read_access(tmp_path)


def test_all_languages_say_the_same_things() -> None:
    assert known_languages() == ["en", "nl"]
    english, dutch = load_words("en"), load_words("nl")
    assert set(english) == set(dutch)
    for name, text in english.items():
        fields = [sorted(word for word in _fields(words)) for words in (text, dutch[name])]
        assert fields[0] == fields[1], name
        assert text.strip()
        assert dutch[name].strip()


def _fields(text: str) -> list[str]:
    return [piece.partition("}")[0] for piece in text.split("{")[1:]]


def test_settings_replace_texts() -> None:
    settings = StudySettings(question={"nl": "Welke?"}, consent={"en": "{trials} times {this} of {minutes} minutes."})
    words = study_words(settings)
    assert words["nl"]["question"] == "Welke?"
    assert "“Welke?”" in words["nl"]["consent"]
    assert words["en"]["consent"] == "26 times {this} of 5 minutes."
    assert words["en"]["question"] == load_words("en")["question"]
    with pytest.raises(SettingsError) as caught:
        study_words(StudySettings(languages=("nl", "fr")))
    assert str(caught.value) == (
        "There are no texts in 'fr'; there are texts in en, nl. Name those in the setting `languages`."
    )


def test_sheets_of_a_bundle(own_study: Path, tmp_path: Path) -> None:
    assert parse_sheets("4,1-3, 2") == [1, 2, 3, 4]
    for text in ("", "3-1", "one", "1-", "1;2"):
        with pytest.raises(SettingsError, match="should read such as 1-30 or 4,7,10-12"):
            parse_sheets(text)
    output = tmp_path / "study.html"
    asked = [str(own_study), "-o", str(output), "--sheets"]
    assert isinstance(error := CliRunner().invoke(bundle, [*asked, "2-4"]).exception, SettingsError)
    assert str(error) == f"The study {own_study} has no sheet 4; it has the sheets 1 to 3."
    assert CliRunner().invoke(bundle, [*asked, "2"]).exit_code == 0
    assert isinstance(error := CliRunner().invoke(bundle, [*asked, "2"]).exception, BrickbenchError)
    assert str(error).startswith(f"{output} is there already")
    assert "--force" in str(error)
    assert CliRunner().invoke(bundle, [*asked, "2", "--force"]).exit_code == 0


def test_words_of_the_settings_cannot_leave_their_place_in_the_page(own_study: Path) -> None:
    path = own_study / SETTINGS_FILE
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    settings |= {"title": {"en": "</script><script>alert(1)</script><!--"}, "contact": "<b>me</b>"}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    page = participant_page(read_blind(own_study))
    assert "<script>alert" not in page
    assert "<b>me" not in page
    assert "<title>&lt;/script&gt;" in page
