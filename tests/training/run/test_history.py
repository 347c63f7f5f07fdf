"""The epochs of a run on disk: damage is told with a way out."""

from pathlib import Path

import pytest

from core.errors import BrickbenchError
from training.run.history import EPOCHS_FILE, read_epochs, write_epochs


@pytest.mark.parametrize("content", [b'{"epoch": 1}\n{"epo', b"\x84\xff", b"not JSON\n"])
def test_damaged_epochs_are_told(tmp_path: Path, content: bytes) -> None:
    write_epochs(tmp_path, [{"epoch": 1}])
    assert read_epochs(tmp_path) == [{"epoch": 1}]
    (tmp_path / EPOCHS_FILE).write_bytes(content)
    with pytest.raises(BrickbenchError, match=rf"{EPOCHS_FILE} is damaged\. Delete it") as caught:
        read_epochs(tmp_path)
    assert "train resume" in str(caught.value)
