"""Shards in an S3-compatible store and in a shared folder: they go there and come back whole, by several machines."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pytest
from toy import PARTS, toy_pictures

from core.errors import BrickbenchError
from dataset.index import open_index, update_index
from dataset.manifest import Manifest
from dataset.shards import list_shards, shard_folder, write_shard
from workflows.cluster.storage import COMPLETE, pull, push


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fsspec.filesystem("s3").makedirs(
            "bricks", exist_ok=True
        )  # the store is the process's: set up again, it is there
        yield "s3://bricks"
    fsspec.filesystem("s3").clear_instance_cache()
    server.stop()


@pytest.fixture(params=["s3", "folder"])
def url(request: pytest.FixtureRequest, bucket: str, tmp_path: Path) -> str:
    return f"{bucket}/{tmp_path.name}" if request.param == "s3" else f"file://{tmp_path / 'shared'}"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of three small shards."""
    root = tmp_path_factory.mktemp("dataset") / "d"
    Manifest(seed=0, parts=PARTS).save_folder(root)
    for number in range(3):
        write_shard(root, number, toy_pictures(0, range(2 * number, 2 * number + 2), 32))
    update_index(root)
    return root


def content(root: Path) -> dict[str, bytes]:
    files = sorted(path for path in (root / "shards").rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def rows(root: Path) -> list[Any]:
    with open_index(root) as index:
        return index.execute("FROM labels ORDER BY ALL").fetchall()


def half(root: Path, copy: Path, first: int) -> Path:
    shutil.copytree(root, copy)
    for shard in list_shards(root)[first::2]:
        shutil.rmtree(shard_folder(copy, shard))
    return copy


def test_what_two_machines_push_one_pulls_as_the_whole_dataset(dataset: Path, tmp_path: Path, url: str) -> None:
    shards = list_shards(dataset)
    made = [push(half(dataset, tmp_path / name, first), url) for name, first in (("a", 0), ("b", 1))]
    assert sum(made) == len(shards) > 1
    assert push(dataset, url) == 0
    assert pull(url, tmp_path / "back") == len(shards)
    assert content(tmp_path / "back") == content(dataset)
    assert rows(tmp_path / "back") == rows(dataset)
    assert pull(url, tmp_path / "back") == 0


def test_a_shard_whose_files_are_not_all_there_is_not_pulled(dataset: Path, tmp_path: Path, url: str) -> None:
    push(dataset, url)
    storage, base = fsspec.url_to_fs(url)
    last = list_shards(dataset)[-1]
    storage.rm(f"{base}/{COMPLETE}/{last}")  # as before a machine was lost
    pull(url, tmp_path / "back")
    assert list_shards(tmp_path / "back") == list_shards(dataset)[:-1]
    assert push(dataset, url) == 1
    assert pull(url, tmp_path / "back") == 1


def test_another_dataset_is_refused_on_both_sides(
    dataset: Path, tmp_path: Path, url: str, make_toy: Callable[..., Path]
) -> None:
    push(dataset, url)
    other = make_toy(tmp_path / "other", piles=4, seed=1)
    text = (other / "dataset.yaml").read_text()
    (other / "dataset.yaml").write_text(text + "\n")
    with pytest.raises(
        BrickbenchError, match=r"holds a dataset that was made otherwise: its dataset\.yaml is not that"
    ):
        push(other, url)
    with pytest.raises(BrickbenchError, match=r"holds a dataset that was made otherwise: its dataset\.yaml is not"):
        pull(url, other)


def test_a_place_without_a_dataset_is_said(tmp_path: Path, url: str) -> None:
    with pytest.raises(BrickbenchError, match=r"holds no dataset: it has no dataset\.yaml"):
        pull(url, tmp_path / "back")
    with pytest.raises(BrickbenchError, match="nowhere:// cannot be reached"):
        pull("nowhere://", tmp_path / "back")


def test_duckdb_asks_the_shards_where_they_are(dataset: Path, bucket: str) -> None:
    push(dataset, f"{bucket}/asked")
    connection = duckdb.connect()
    connection.register_filesystem(fsspec.filesystem("s3"))
    found = connection.execute(
        f"SELECT count(*) FROM read_parquet('{bucket}/asked/shards/*/images.parquet')"
    ).fetchall()
    with open_index(dataset) as index:
        assert found == index.execute("SELECT count(*) FROM images").fetchall()
