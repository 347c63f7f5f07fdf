"""The study in a real browser: from consent to thanks, by keys and by touch, without a connection, offline."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from browser import expect, serve, weak_texts

from evaluation.study.answers.returned import read_returned
from evaluation.study.answers.store import read_answers
from evaluation.study.key import read_key
from evaluation.study.web.app import create_app
from evaluation.study.web.links import ensure_links
from evaluation.study.web.pages import write_bundle

pytestmark = pytest.mark.browser(without_connection=True)
SECRET = "organiser-secret"


@dataclass
class Site:
    """A served study."""

    study: Path
    address: str
    links: list[str]


@pytest.fixture
def site(own_study: Path) -> Iterator[Site]:
    """Serve a study from a thread, with two personal links and an open link for one."""
    links: list[str] = []

    def make_app(port: int) -> Any:
        tokens = ensure_links(own_study, 2, f"http://127.0.0.1:{port}/")
        links.extend(f"http://127.0.0.1:{port}/#{token}" for token in tokens.values())
        return create_app(own_study, organiser=SECRET, tokens=tokens, invitation="come-in", cap=1)

    with serve(make_app) as address:
        yield Site(own_study, f"{address}/", links)


def begin(page: Any) -> None:
    page.locator("#agree").click()
    page.locator("[name=familiarity][value='1']").check()
    page.locator("#familiarity button").click()
    at(page, 1)


def at(page: Any, number: int) -> None:
    expect(page.locator("#where")).to_have_text(re.compile(rf" {number} "))
    expect(page.locator(".stage")).not_to_have_class(re.compile("loading"))


def test_by_keys_from_consent_to_thanks(site: Site, open_tab: Callable[..., Any]) -> None:
    page = open_tab(site.links[0])
    expect(page.locator("#consent h1")).to_have_text("Which explanation do you trust more?")
    reached = [*page.locator(".languages button").all(), page.locator("#agree")]
    assert len(reached) == 3
    expect(reached[-1]).to_be_visible()  # the page is drawn, and takes keys
    for thing in reached:
        page.keyboard.press("Tab")
        expect(thing).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#familiarity h1")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    sides = {"1": "left", "2": "right", "ArrowLeft": "left", "ArrowRight": "right"}
    keys = [*sides, "1", "2", "ArrowLeft"]
    for number, key in enumerate(keys, start=1):
        at(page, number)
        expect(page.locator("#question")).to_be_focused()
        assert page.title() == f"Question {number} of 7"
        page.keyboard.press("Enter")
        expect(page.locator("#trial-wrong")).to_have_text("Choose the left or the right explanation first.")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")  # stays at the right
        expect(page.locator("[name=chosen][value=right]")).to_be_checked()
        page.keyboard.press(key)
        expect(page.locator(f"[name=chosen][value={sides[key]}]")).to_be_checked()
        assert page.locator(".mark:visible").count() == 1
        page.keyboard.press("Enter")
    expect(page.locator("#thanks h1")).to_be_focused()
    expect(page.locator("#thanks-words")).to_have_text("All 7 answers are stored. You can close this page.")
    answers = read_answers(site.study)
    assert answers.chosen.tolist() == [sides[key] for key in keys]
    assert answers.familiarity.tolist() == [1] * 7
    assert (answers.seconds > 0).all()
    page.reload()
    expect(page.locator("#thanks h1")).to_have_text("Thank you!")
    assert page.context.cookies() == []


@pytest.mark.slow
def test_by_touch_on_a_phone_in_dutch(site: Site, open_tab: Callable[..., Any]) -> None:
    page = open_tab(site.links[1], viewport={"width": 390, "height": 664}, has_touch=True, is_mobile=True, locale="nl")
    assert page.evaluate("document.documentElement.lang") == "nl"
    expect(page.locator("#agree")).to_have_text("Ik ga akkoord en doe mee")
    page.locator("#agree").tap()
    page.locator("#familiarity button").tap()
    expect(page.locator("#familiarity-wrong")).to_have_text("Kies een van de drie antwoorden.")
    page.get_by_text("Niet bekend").tap()
    page.locator("#familiarity button").tap()
    for number in range(1, 8):
        at(page, number)
        for id_ in ("picture", "left", "right", "next"):  # all in sight at once
            box = page.locator(f"#{id_}").bounding_box()
            assert box is not None
            assert box["width"] > 150
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= 664
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.locator(".choice.right").tap()
        expect(page.locator("[name=chosen][value=right]")).to_be_checked()
        page.locator("#next").tap()
    expect(page.locator("#thanks h1")).to_have_text("Bedankt!")
    assert read_answers(site.study).language.tolist() == ["nl"] * 7


@pytest.mark.slow
def test_reload_back_and_a_second_tab(site: Site, open_tab: Callable[..., Any]) -> None:
    page = open_tab(site.links[0])
    begin(page)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    at(page, 2)
    page.go_back()
    expect(page.locator("#note")).to_have_text("You cannot go back to earlier questions. This is the one you are at.")
    at(page, 2)
    page.reload()
    at(page, 2)
    other = open_tab(site.links[0])
    at(other, 2)
    other.keyboard.press("2")
    other.keyboard.press("Enter")
    at(other, 3)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    at(page, 3)
    expect(page.locator("#note")).to_contain_text("That question was already answered")
    answers = read_answers(site.study)
    assert answers.chosen.tolist() == ["left", "right"]


@pytest.mark.slow
def test_a_lost_connection_costs_nothing(site: Site, open_tab: Callable[..., Any]) -> None:
    page = open_tab(site.links[0])
    begin(page)
    page.context.set_offline(True)
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.locator("#note")).to_contain_text("There is no connection. Your answer is kept on this page")
    expect(page.locator("#where")).to_have_text("Question 1 of 7")
    page.context.set_offline(False)
    at(page, 2)
    expect(page.locator("#note")).to_have_text("The connection is back.")
    # The reply is lost, not the request: the same answer is sent again, and the page loaded anew meanwhile.
    page.route("**/api/answer", lambda route: (route.fetch(), route.abort()))
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator("#note")).to_contain_text("There is no connection.")
    page.unroute_all(behavior="ignoreErrors")
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    at(page, 3)
    assert read_answers(site.study).chosen.tolist() == ["right", "left"]


@pytest.mark.slow
def test_a_full_disk_is_said_and_waited_for(site: Site, open_tab: Callable[..., Any]) -> None:
    page = open_tab(site.links[0])
    begin(page)
    page.route("**/api/answer", lambda route: route.fulfill(status=503, json={"error": "storage"}))
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.locator("#note")).to_contain_text("The study cannot store answers at the moment.")
    page.unroute_all(behavior="ignoreErrors")
    at(page, 2)


@pytest.mark.slow
def test_links_that_do_not_work_and_an_open_link(site: Site, open_tab: Callable[..., Any]) -> None:
    for link, heading in {
        site.address: "Your link is not complete",
        site.links[0][:-1]: "This link does not work",
        f"{site.address}#{'x' * 32}": "This link does not work",
    }.items():
        expect(open_tab(link).locator("#problem h1")).to_have_text(heading)
    page = open_tab(f"{site.address}#open.come-in")
    begin(page)
    page.reload()
    at(page, 1)
    late = open_tab(f"{site.address}#open.come-in")
    late.locator("#agree").click()
    late.locator("[name=familiarity][value='1']").check()
    late.locator("#familiarity button").click()
    expect(late.locator("#problem h1")).to_have_text("There is no place left")


@pytest.mark.slow
def test_the_organiser_sees_progress_and_takes_the_answers(site: Site, open_tab: Callable[..., Any]) -> None:
    page = open_tab(site.links[0])
    begin(page)
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    at(page, 2)
    desk = open_tab(f"{site.address}organiser#wrong")
    expect(desk.locator("#note")).to_have_text("That is not the secret of this study.")
    desk.locator("#secret").fill(SECRET)
    desk.keyboard.press("Enter")
    expect(desk.locator("#people tr")).to_have_count(1)
    expect(desk.locator("#people td").nth(4)).to_have_text("1 of 7")
    expect(desk.locator("#opened")).to_have_text("0 of 1 taken")
    with desk.expect_download() as download:
        desk.locator("#export").click()
    rows = download.value.path().read_text(encoding="utf-8").splitlines()
    first = read_key(site.study).sheets[0].trials[0].trial_id
    assert rows[0].startswith("participant,origin,sheet,language,familiarity,position,trial_id,chosen,seconds")
    assert len(rows) == 2
    assert rows[1].startswith(f"P0001,personal,1,en,1,1,{first},right,")


def test_one_file_offline(own_study: Path, tmp_path: Path, open_tab: Callable[..., Any]) -> None:
    bundle = tmp_path / "study.html"
    assert write_bundle(own_study, bundle, [2, 3]) == 2
    text = bundle.read_text(encoding="utf-8")
    assert not any(word in text for word in ("gradcam", "lime", "decoy", "expected", "http://", "https://"))
    page = open_tab(bundle.as_uri(), offline=True)
    page.locator("#number input").fill("7")
    page.locator("#agree").click()
    expect(page.locator("#number-wrong")).to_have_text(
        "This page has the numbers 2–3. Type one of these, or leave it empty."
    )
    page.locator("#number input").fill("3")
    begin(page)
    for number in range(1, 8):
        at(page, number)
        if number == 4:
            page.reload()
            at(page, 4)
        page.keyboard.press("2" if number % 2 else "1")
        page.keyboard.press("Enter")
    expect(page.locator("#thanks h1")).to_have_text("Thank you! One step is left")
    with page.expect_download() as download:
        page.locator("#download").click()
    assert re.fullmatch(r"answers-[0-9a-f]{8}\.json", download.value.suggested_filename)
    answers = read_returned(own_study, [download.value.path()])
    assert json.loads(page.locator("#answers-text").input_value()) == json.loads(download.value.path().read_text())
    assert answers.chosen.tolist() == ["right", "left", "right", "left", "right", "left", "right"]
    assert answers.item.tolist() == [trial.item_id for trial in read_key(own_study).sheets[2].trials]
    assert [bool(unknown) for unknown in answers.seconds != answers.seconds] == [number == 4 for number in range(1, 8)]
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("#again").click()
    expect(page.locator("#consent h1")).to_be_visible()


@pytest.mark.slow
def test_text_stands_out_in_both_dresses(site: Site, open_tab: Callable[..., Any]) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1 between text and what lies behind it; 2.5.8: nothing to press below 24 pixels."""
    for number, dress in enumerate(("light", "dark")):
        page = open_tab(site.links[number], color_scheme=dress)
        expect(page.locator("#agree")).to_be_visible()
        assert weak_texts(page) == []
        page.locator("#agree").click()
        assert weak_texts(page) == []
        page.locator("[name=familiarity][value='1']").check()
        page.locator("#familiarity button").click()
        at(page, 1)
        page.keyboard.press("1")
        assert weak_texts(page) == []
        small = (
            "[...document.querySelectorAll('button, label.choice')].filter(b => b.offsetWidth && b.offsetHeight < 24)"
        )
        assert page.evaluate(f"{small}.length") == 0


def test_a_screen_reader_hears_what_is_asked(site: Site, open_tab: Callable[..., Any]) -> None:
    page = open_tab(site.links[0])
    begin(page)
    assert page.locator("#trial").aria_snapshot() == "\n".join(
        (
            "- text: Question 1 of 7",
            '- progressbar "Question 1 of 7"',
            '- heading "Which explanation makes you trust the computer more?" [level=1]',
            '- paragraph: "Both explanations show what mattered to the computer for this part: Brick 2 x 4"',
            '- radiogroup "Which explanation makes you trust the computer more?":',
            '  - figure "The picture":',
            '    - img "The picture that is explained"',
            "    - text: The picture",
            '  - radio "The explanation on the left Left"',
            '  - img "The explanation on the left"',
            "  - text: Left",
            '  - radio "The explanation on the right Right"',
            '  - img "The explanation on the right"',
            "  - text: Right",
            '- paragraph: "Keys: ← or 1 for left, → or 2 for right, Enter for next"',
            '- button "Next"',
        )
    )
