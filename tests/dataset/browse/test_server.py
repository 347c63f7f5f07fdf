"""``brickbench dataset browse`` as a process: where it listens, how it ends, what it says of a taken port."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.errors import BrickbenchError
from dataset.browse.app import serve
from dataset.commands import browse
from dataset.dataset_folder import DatasetFolder


def test_it_serves_on_loopback_and_ends_at_ctrl_c(mixed: Path) -> None:
    command = [sys.executable, "-m", "brickbench", "dataset", "browse", str(mixed), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as server:
        assert server.stderr is not None
        line = server.stderr.readline()
        assert line.startswith(f"{mixed} can be looked into at http://127.0.0.1:")
        port = int(line.split("127.0.0.1:")[1].split("/")[0])
        with urllib.request.urlopen(f"http://localhost:{port}/", timeout=120) as answer:
            assert answer.status == 200
        inodes = Path(f"/proc/{server.pid}/net/tcp").read_text(encoding="ascii")
        listening = [row.split()[1] for row in inodes.splitlines()[1:] if row.split()[3] == "0A"]
        assert f"0100007F:{port:04X}" in listening  # 127.0.0.1, in the machine's byte order
        assert f"00000000:{port:04X}" not in listening
        os.kill(server.pid, signal.SIGINT)
        rest = server.communicate(timeout=120)[1]
        assert server.returncode == 0
        assert rest == ""


def test_a_taken_port_is_told_with_the_way_out(mixed: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BrickbenchError) as caught:
            serve(DatasetFolder.open(mixed), port, print)
    assert str(caught.value) == (
        f"Port {port} is in use, perhaps by another `dataset browse`. "
        "Choose another with --port, or any free one with --port 0."
    )


def test_a_folder_that_is_no_dataset(tmp_path: Path) -> None:
    done = CliRunner().invoke(browse, [str(tmp_path), "--port", "0"])
    assert isinstance(done.exception, BrickbenchError)
    assert str(done.exception).startswith(f"{tmp_path} is no Brickbench dataset")
    assert CliRunner().invoke(browse, [str(tmp_path), "--port", "70000"]).exit_code == 2
