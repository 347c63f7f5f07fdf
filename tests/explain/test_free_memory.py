"""A CPU that says when memory runs out."""

import resource
from pathlib import Path

import numpy as np
import pytest
import torch

import explain.free_memory
from explain.free_memory import free_memory_bytes, within_free_memory
from explain.memory import BatchSize, is_out_of_memory

CPU = torch.device("cpu")
MB = 1_000_000


def test_what_does_not_fit_raises_and_the_batch_shrinks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain.free_memory, "free_memory_bytes", lambda: 400 * MB)
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    batch = BatchSize(8, "pictures")
    with within_free_memory(CPU):
        found = list(batch.batches(8, lambda part: len(torch.zeros(100 * MB // 4 * (part.stop - part.start))) * 4))
        with pytest.raises(MemoryError):
            np.zeros(500 * MB, dtype=np.uint8)
        with pytest.raises(RuntimeError, match="can't allocate memory") as raised:
            torch.zeros(500 * MB, dtype=torch.uint8)
    assert is_out_of_memory(raised.value)
    assert found == [200 * MB] * 4
    assert batch.note == "2 pictures at once, since 8 did not fit into memory"
    assert resource.getrlimit(resource.RLIMIT_DATA) == limits
    assert len(torch.zeros(500 * MB, dtype=torch.uint8)) == 500 * MB


def test_the_limit_is_gone_also_when_the_work_raises() -> None:
    limits = resource.getrlimit(resource.RLIMIT_DATA)

    def work() -> None:
        with within_free_memory(CPU):
            assert resource.getrlimit(resource.RLIMIT_DATA)[0] != resource.RLIM_INFINITY
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert resource.getrlimit(resource.RLIMIT_DATA) == limits


def test_a_gpu_limits_nothing_here() -> None:
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    with within_free_memory(torch.device("cuda")):
        assert resource.getrlimit(resource.RLIMIT_DATA) == limits


def test_control_groups_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = free_memory_bytes()
    assert machine is not None
    assert machine > 50 * MB
    for name, text in (("max", "90000000"), ("current", "70000000"), ("stat", "anon 5\ninactive_file 10000000")):
        (tmp_path / f"memory.{name}").write_text(text + "\n")
    assert list(explain.free_memory._free_in_groups(tmp_path))[-1:] == [30 * MB]
    (tmp_path / "memory.max").write_text("max\n")
    assert list(explain.free_memory._free_in_groups(tmp_path)) == []
