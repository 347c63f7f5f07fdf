"""A CPU that says when memory runs out."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import explain.memory
from explain.bulk import explain_run
from explain.memory import free_memory_bytes, within_free_memory
from training.run.run import Run

CPU = torch.device("cpu")
MB = 1_000_000


# In a process of its own: the limit counts all that a process has, and threads of other tests may end meanwhile.
IN_A_NEW_PROCESS = """
import resource
import numpy as np
import torch
import explain.memory
from explain.memory import within_free_memory
from explain.memory import BatchSize, is_out_of_memory

MB = 1_000_000
explain.memory.free_memory_bytes = lambda: 400 * MB
limits = resource.getrlimit(resource.RLIMIT_DATA)
batch = BatchSize(8, "pictures")
raised = []
with within_free_memory(torch.device("cpu")):
    found = list(batch.batches(8, lambda part: len(torch.zeros(100 * MB // 4 * (part.stop - part.start))) * 4))
    for zeros, kind in ((np.zeros, np.uint8), (torch.zeros, torch.uint8)):
        try:
            zeros(500 * MB, dtype=kind)
        except (MemoryError, RuntimeError) as error:
            raised.append(error)
assert isinstance(raised[0], MemoryError)
assert "can't allocate memory" in str(raised[1])
assert is_out_of_memory(raised[1])
assert found == [200 * MB] * 4
assert batch.note == "2 pictures at once, since 8 did not fit into memory"
assert resource.getrlimit(resource.RLIMIT_DATA) == limits
assert len(torch.zeros(500 * MB, dtype=torch.uint8)) == 500 * MB
"""


@pytest.mark.slow
def test_what_does_not_fit_raises_and_the_batch_shrinks() -> None:
    done = subprocess.run([sys.executable, "-c", IN_A_NEW_PROCESS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


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
    assert list(explain.memory._free_in_groups(tmp_path))[-1:] == [30 * MB]
    (tmp_path / "memory.max").write_text("max\n")
    assert list(explain.memory._free_in_groups(tmp_path)) == []


def test_explaining_from_python_leaves_the_callers_process_as_it_is(
    own_trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def limited(_: torch.device) -> None:
        raise AssertionError("memory of a process that is not Brickbench's own")

    monkeypatch.setattr("explain.explainer.within_free_memory", limited)
    run = Run.open(own_trained / "runs" / "toy", own_trained)
    assert explain_run(run, {"edges": {}}, limit=2, device="cpu").made
