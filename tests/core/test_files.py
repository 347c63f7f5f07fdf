import errno
import os
import stat
from pathlib import Path

import pytest

from core.errors import BrickbenchError
from core.files import all_or_none, atomic_file, atomic_folder, output_file, require_new, require_writable, sha256_hex


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.txt"

    def broken() -> None:
        with atomic_file(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert list((tmp_path / "deep").iterdir()) == []
    with atomic_file(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "shards" / "000000"

    def broken() -> None:
        with atomic_folder(target) as temporary:
            (temporary / "a").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert list((tmp_path / "shards").iterdir()) == []
    with atomic_folder(target) as temporary:
        (temporary / "a").touch()
    assert [path.name for path in target.iterdir()] == ["a"]


def test_what_a_killed_writer_left_goes_when_the_folder_is_there(tmp_path: Path) -> None:
    for leftover in (".shard.tmp/host-99998", ".shard.tmp/host-99999", ".other.tmp/host-99999"):
        (tmp_path / leftover).mkdir(parents=True)
        (tmp_path / leftover / "half").touch()
    with atomic_folder(tmp_path / "shard") as temporary:
        (temporary / "a").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.tmp", "shard"]


def test_a_writer_that_fails_leaves_alone_what_another_is_writing(tmp_path: Path) -> None:
    target = tmp_path / "shard"
    other = tmp_path / ".shard.tmp" / "host-99999"

    def broken() -> None:
        with atomic_folder(target):
            other.mkdir()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert list((tmp_path / ".shard.tmp").iterdir()) == [other]


def test_of_two_writers_of_one_folder_the_first_stays(tmp_path: Path) -> None:
    target = tmp_path / "shard"
    with atomic_folder(target) as temporary:
        (temporary / "mine").touch()
        target.mkdir()
        (target / "theirs").touch()
    assert [path.name for path in target.iterdir()] == ["theirs"]


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(BrickbenchError, match=r"Cannot write in .*taken"):
        require_writable(tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "x"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(BrickbenchError, match="Permission denied"):
        require_writable(tmp_path / "new")


def test_sha256_is_the_standard_one() -> None:
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_file_that_cannot_be_written_is_one_sentence_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sentence = r"^Cannot write .*page\.html: File exists\. Choose another file with -o\.$"
    with pytest.raises(BrickbenchError, match=sentence), output_file(tmp_path / "file" / "page.html"):
        pass


def test_what_is_there_is_refused_unless_forced(tmp_path: Path) -> None:
    require_new(None, tmp_path / "new", force=False)
    require_new(tmp_path, force=True)
    with pytest.raises(BrickbenchError, match=r"is there already: choose another place with --data, or give --force"):
        require_new(tmp_path / "new", tmp_path, force=False, option="--data")


def test_files_that_belong_together_are_all_there_or_none(tmp_path: Path) -> None:
    old, page, data = tmp_path / "old", tmp_path / "page", tmp_path / "data"
    old.write_text("before")

    def write(*, room: bool) -> None:
        with all_or_none(old, page, None, data):
            old.write_text("now")
            page.write_text("now")
            if not room:
                raise BrickbenchError("no room")
            data.write_text("now")

    with pytest.raises(BrickbenchError):
        write(room=False)
    assert sorted(tmp_path.iterdir()) == [old]
    write(room=True)
    assert sorted(tmp_path.iterdir()) == [data, old, page]


@pytest.mark.parametrize(
    "error", [RuntimeError("enforce fail: unexpected pos 5"), OSError("write failed"), ValueError("I/O error: full")]
)
def test_a_full_disk_is_named_whatever_a_library_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for guard in (atomic_file, atomic_folder):
        with pytest.raises(type(error)), guard(tmp_path / "x"):
            raise error
        with monkeypatch.context() as disk:
            disk.setattr(os, "fsync", full)
            with pytest.raises(OSError, match="No space left") as told, guard(tmp_path / "x"):
                raise error
        assert told.value.filename == str(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
