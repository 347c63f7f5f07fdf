"""The page from the outside: every picture once, and nothing but pictures of the dataset, to this machine only."""

import json
import re
import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from core.files import sha256_hex
from dataset.browse.app import create_app
from dataset.browse.guard import LONGEST_ADDRESS
from dataset.dataset_folder import DatasetFolder
from dataset.index import open_index

PORT = 8321
HOST = f"127.0.0.1:{PORT}"


def shown_ids(html: str) -> list[str]:
    return re.findall(r'<a id="[^"]*" href="[^"]*" data-id="([^"]*)">', html)


def next_page(html: str) -> str | None:
    found = re.search(r'<a href="([^"]*)" rel="next"', html)
    return unescape(found[1]) if found else None


@pytest.mark.parametrize("start", ["/", "/?part=3003", "/?source=real", "/?light=flash&light=window&bricks_min=1"])
def test_following_next_shows_every_picture_once(page: TestClient, start: str) -> None:
    address: str | None = start
    seen: list[str] = []
    while address:
        html = page.get(address).raise_for_status().text
        seen += shown_ids(html)
        address = next_page(html)
    total = re.search(r'<h1 id="count"><b>([\d,]+)</b>', html)
    assert total is not None
    assert len(seen) == len(set(seen)) == int(total[1]) > 0
    assert seen == sorted(seen)


def test_a_page_beyond_the_last_is_the_last(page: TestClient) -> None:
    last = page.get("/?page=3").text
    assert len(shown_ids(last)) == 32
    assert shown_ids(page.get("/?page=999999").text) == shown_ids(last)


def test_no_picture_is_said_in_words(page: TestClient) -> None:
    html = page.get("/?visible_min=40&visible_max=30").raise_for_status().text
    assert "No picture is like that." in html
    assert shown_ids(html) == []


def test_one_picture_says_all_that_the_index_has(page: TestClient, mixed: Path) -> None:
    html = unescape(page.get("/image/p000064_v00?light=sun_sky").raise_for_status().text)
    with open_index(mixed) as index:
        row = index.execute("SELECT * FROM images WHERE image_id = 'p000064_v00'").fetchall()[0]
        bricks = index.execute("SELECT part_id, visible_px FROM instances WHERE image_id = 'p000064_v00'").fetchall()
    for value in row:
        if isinstance(value, str):
            assert value in html
    for part_id, visible_px in bricks:
        assert f"{part_id}</small>" in html
        assert f"<td>{visible_px}<small>" in html
    assert "Predicted by one" in html
    assert "pointing game 1.00" in html
    assert "chance 0.12" in html
    assert 'href="/image/p000064_v01?light=sun_sky"' in html  # the other view of its pile


def test_neighbours_are_those_of_the_filter(page: TestClient) -> None:
    address = "/?part=4032&split=train"
    ids = []
    following: str | None = address
    while following:
        html = page.get(following).text
        ids += shown_ids(html)
        following = next_page(html)
    walked = []
    place: str | None = f"/image/{ids[0]}?part=4032&split=train"
    while place:
        html = page.get(place).raise_for_status().text
        walked.append(re.findall(r'data-id="([^"]*)"', html)[0])
        place = next_page(html)
    assert walked == ids
    back = re.search(r'<a class="back" href="([^"]*)"', html)
    assert back is not None
    assert ids[-1] in shown_ids(page.get(unescape(back[1])).text)
    assert f"not among the {len(ids)}" in page.get(f"/image/photo-{0:016x}?part=4032&split=train").text


def test_a_twin_and_its_original_are_linked(page: TestClient) -> None:
    assert "/image/p000128_v00_without" in page.get("/image/p000128_v00").text
    assert 'href="/image/p000128_v00"' in page.get("/image/p000128_v00_without").text


def test_drawings_hold_every_brick(page: TestClient, mixed: Path) -> None:
    drawing = page.get("/bricks/p000064_v00").json()
    with open_index(mixed) as index:
        rows = index.execute(
            "SELECT instance_id, part_id, box_xywh_px FROM instances WHERE image_id = 'p000064_v00' ORDER BY ALL"
        ).fetchall()
    assert [(brick["id"], brick["part"], brick["box"]) for brick in drawing["bricks"]] == [
        (number, part_id, list(box)) for number, part_id, box in rows
    ]
    assert (drawing["width"], drawing["height"]) == (48, 48)
    boxed, masked = page.get(f"/bricks/photo-{1:016x}").json()["bricks"]
    assert (boxed["mask"], boxed["outline"], boxed["visible"]) == (None, None, None)
    assert (masked["mask"], masked["outline"]) == ("M20 10H50V30H20V10z", None)


def test_pictures_are_those_of_the_dataset(page: TestClient, mixed: Path) -> None:
    answer = page.get("/picture/p000000_v00")
    assert answer.content == (mixed / "shards/000000/images/p000000_v00.png").read_bytes()
    assert answer.headers["content-type"] == "image/png"
    elsewhere = page.get(f"/picture/photo-{9:016x}")  # used in place: decoded, never sent as it is
    assert elsewhere.headers["content-type"] == "image/jpeg"
    picture = cv2.imdecode(np.frombuffer(elsewhere.content, dtype=np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (60, 90, 3)
    for name in ("p000000_v00", f"photo-{1:016x}", f"photo-{9:016x}"):
        thumbnail = page.get(f"/thumbnail/{name}?v=0")
        assert thumbnail.headers["content-type"] == "image/jpeg"
        assert thumbnail.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert cv2.imdecode(np.frombuffer(thumbnail.content, dtype=np.uint8), cv2.IMREAD_COLOR) is not None


@pytest.mark.parametrize("side", [(2000, 1300), (640, 700), (321, 320), (90, 60)])
def test_thumbnails_are_small(own_mixed: Path, side: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    data = cv2.imencode(".jpg", cv2.resize(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8), side))[1].tobytes()
    (own_mixed / "shards/000000/images/large.jpg").write_bytes(data)
    with open_index(own_mixed, read_only=False) as index:
        index.execute(
            "UPDATE images SET file = 'shards/000000/images/large.jpg', content_hash = ?, width = ?, height = ? "
            "WHERE image_id = 'p000000_v00'",
            [sha256_hex(data), *side],
        )
    client = TestClient(create_app(DatasetFolder.open(own_mixed), PORT), base_url=f"http://{HOST}")
    content = client.get("/thumbnail/p000000_v00").content
    thumbnail = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_COLOR)
    assert thumbnail is not None
    height, width = thumbnail.shape[:2]
    assert max(width, height) == min(320, *[max(side)])
    assert width / height == pytest.approx(side[0] / side[1], rel=0.01)


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "localhost:80", "127.0.0.1:83210", ""]
)
def test_other_hosts_are_refused(page: TestClient, host: str) -> None:
    for address in ("/", "/image/p000000_v00", "/static/browse.css", "/picture/p000000_v00"):
        answer = page.get(address, headers={"host": host})
        assert answer.status_code == 400
        assert answer.text == f"This page answers to http://127.0.0.1:{PORT}/ or http://localhost:{PORT}/ only."
    assert page.get("/", headers={"host": f"LOCALHOST:{PORT}"}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_the_page_can_only_be_read(page: TestClient, method: str) -> None:
    for address in ("/", "/image/p000000_v00", "/static/browse.css"):
        answer = page.request(method, address, headers={"origin": "http://evil.example"})
        assert answer.status_code == 405
        assert "access-control-allow-origin" not in answer.headers


def test_every_answer_is_shut_in(page: TestClient) -> None:
    for address in ("/", "/nothing", "/static/grid.js", "/thumbnail/p000000_v00", "/bricks/p000000_v00", "/?page=x"):
        headers = page.get(address, headers={"origin": "http://evil.example"}).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert not [name for name in headers if name.startswith("access-control")]
    for address in ("/", "/image/p000064_v00"):
        html = page.get(address).text
        assert not re.search(r"https?://|\sstyle=|\son\w+=|<style", html)


@pytest.mark.parametrize(
    "address",
    [
        "/image/nothing",
        "/picture/..%2f..%2fdataset.yaml",
        "/picture/../dataset.yaml",
        "/picture//etc/passwd",
        "/picture/%2Fetc%2Fpasswd",
        "/thumbnail/%00",
        "/thumbnail/p000000_v00%00.png",
        "/bricks/' OR 1=1 --",
        "/bricks/p000000_v00;",
        "/image/" + "p" * 4000,
        "/image/<script>alert(1)</script>",
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/%2e%2e/manifest.py",
        "/index.duckdb",
        "/dataset.yaml",
    ],
)
def test_hostile_addresses_find_nothing(page: TestClient, address: str) -> None:
    answer = page.get(address)
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    "query", ["part='", "page=1e99", "visible_min=-1", "bricks_min=inf", "light=<b>", "a=b", "show=x"]
)
def test_hostile_queries_are_wrong_use(page: TestClient, query: str) -> None:
    for path in ("/", "/image/p000000_v00"):
        answer = page.get(f"{path}?{query}")
        assert answer.status_code == 400
        assert "<b>" not in answer.text


def test_addresses_have_a_longest(page: TestClient) -> None:
    assert page.get("/?part=" + "3" * LONGEST_ADDRESS).status_code == 414
    assert page.get("/image/" + "3" * LONGEST_ADDRESS).status_code == 414


@pytest.fixture
def outside(own_mixed: Path) -> Iterator[tuple[TestClient, Path, Path]]:
    """Give a client, a dataset, and a picture that lies outside of it."""
    secret = own_mixed.parent / "secret.png"
    secret.write_bytes((own_mixed / "shards/000000/images/p000000_v00.png").read_bytes())
    with TestClient(create_app(DatasetFolder.open(own_mixed), PORT), base_url=f"http://{HOST}") as client:
        yield client, own_mixed, secret


def point(root: Path, file: str, data: bytes, source: str = "synthetic") -> None:
    with open_index(root, read_only=False) as index:
        index.execute(
            "UPDATE images SET file = ?, content_hash = ?, source = ? WHERE image_id = 'p000000_v00'",
            [file, sha256_hex(data), source],
        )


@pytest.mark.parametrize("way", ["absolute", "upwards", "link", "linked folder", "manifest"])
def test_an_index_cannot_point_outside(outside: tuple[TestClient, Path, Path], way: str) -> None:
    client, root, secret = outside
    file = {
        "absolute": str(secret),
        "upwards": "shards/../../secret.png",
        "link": "shards/000000/images/link.png",
        "linked folder": "shards/linked/secret.png",
        "manifest": "dataset.yaml",
    }[way]
    if way == "link":
        (root / file).symlink_to(secret)
    if way == "linked folder":
        (root / "shards/linked").symlink_to(secret.parent)
    point(root, file, secret.read_bytes())
    for kind in ("picture", "thumbnail"):
        answer = client.get(f"/{kind}/p000000_v00")
        assert answer.status_code == 404
        assert "which is not among the shards of the dataset" in unescape(answer.text)


def test_a_referenced_file_that_is_no_picture_stays_where_it_is(outside: tuple[TestClient, Path, Path]) -> None:
    client, root, secret = outside
    secret.write_text("the password", encoding="utf-8")
    point(root, str(secret), secret.read_bytes(), source="real")
    for kind in ("picture", "thumbnail"):
        answer = client.get(f"/{kind}/p000000_v00")
        assert answer.status_code == 404
        assert "password" not in answer.text
    text = root / "shards/000000/images/text.png"
    text.write_text("the password", encoding="utf-8")
    point(root, "shards/000000/images/text.png", text.read_bytes())
    assert client.get("/picture/p000000_v00").status_code == 404


def test_a_file_that_was_altered_is_not_shown(own_mixed: Path) -> None:
    path = own_mixed / "shards/000000/images/p000000_v00.png"
    path.write_bytes(path.read_bytes() + b"x")
    with TestClient(create_app(DatasetFolder.open(own_mixed), PORT), base_url=f"http://{HOST}") as client:
        answer = client.get("/picture/p000000_v00")
        assert answer.status_code == 404
        assert "its content is not what the index says" in unescape(answer.text)
        path.unlink()
        assert client.get("/thumbnail/p000000_v00").status_code == 404


def test_an_index_that_goes_away_is_told(own_mixed: Path) -> None:
    with TestClient(create_app(DatasetFolder.open(own_mixed), PORT), base_url=f"http://{HOST}") as client:
        shutil.move(own_mixed / "index.duckdb", own_mixed / "away")
        html = unescape(client.get("/").raise_for_status().text)
        assert "The index has changed and cannot be read now, so this is its former state." in html
        answer = client.get("/image/p000000_v00")
        assert answer.status_code == 503
        assert f"Run `brickbench dataset index {own_mixed}`." in unescape(answer.text)
        shutil.move(own_mixed / "away", own_mixed / "index.duckdb")
        assert client.get("/image/p000000_v00").status_code == 200
        assert "cannot be read now" not in client.get("/").text


def test_json_holds_no_path(page: TestClient, mixed: Path) -> None:
    assert str(mixed) not in json.dumps(page.get(f"/bricks/photo-{9:016x}").json())


def test_parts_that_would_leave_nothing_stand_last(page: TestClient, mixed: Path) -> None:
    def parts(address: str) -> list[tuple[str, int]]:
        rows = re.findall(r'name="part" value="([^"]*)".*?class="count">([\d,]+)<', page.get(address).text, re.DOTALL)
        return [(part_id, int(count)) for part_id, count in rows]

    with open_index(mixed) as index:
        order = [row[0] for row in index.execute("SELECT part_id FROM parts ORDER BY class_index").fetchall()]
        labels = dict(index.execute("SELECT part_id, count(*) FROM labels GROUP BY part_id").fetchall())
    assert parts("/") == [(part_id, labels[part_id]) for part_id in order]
    assert parts("/?source=real") == [("3003", 12), ("4032", 6), ("3010", 0)]
