"""The command line from outside: exit codes, messages, help, speed of imports."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import brickbench
from core.errors import BrickbenchError

ROOT = Path(brickbench.__file__).parent


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "brickbench", *words], capture_output=True, text=True, cwd=ROOT)


def every_command() -> Iterator[tuple[str, click.Command]]:
    def walk(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
        yield path, command
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                assert child is not None
                yield from walk(child, f"{path} {name}")

    yield from walk(brickbench.cli, "brickbench")


def test_every_command_has_help_and_every_leaf_an_example() -> None:
    commands = dict(every_command())
    assert len(commands) > 40
    for path, command in commands.items():
        assert command.help, path
        assert command.help.splitlines()[0].endswith("."), path
        if not isinstance(command, click.Group):
            assert re.search(r"\x08\n\s*Example:\n\s+" + re.escape(path), command.help), (
                f"{path} shows no example of itself"
            )
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{path} {parameter.name} has no help"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, brickbench\n"
        "from click.testing import CliRunner\n"
        "assert CliRunner().invoke(brickbench.cli, ['--help']).exit_code == 0\n"
        "assert CliRunner().invoke(brickbench.cli, ['render', '--help']).exit_code == 0\n"
        "print([m for m in ('numpy', 'torch', 'bpy', 'duckdb', 'pydantic', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_command_offers_the_nearest_and_ends_with_2() -> None:
    done = run("rendr")
    assert done.returncode == 2
    assert "Did you mean 'render'?" in done.stderr
    assert done.stdout == ""


def test_an_unknown_part_ends_with_2_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("parts: ['3001', '30011']\n")
    done = run("render", "run", str(tmp_path / "s.yaml"), "-o", str(tmp_path / "d"))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] + "\n" == (
        f"brickbench: In {tmp_path / 's.yaml'}: unknown part '30011' (did you mean '3001'?); "
        "`brickbench parts list` shows the catalogue.\n"
    )
    assert not (tmp_path / "d").exists()


def test_an_unwritable_folder_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run("render", "run", "-o", str(tmp_path / "file" / "d"), "--count", "1")
    assert done.returncode == 1
    assert "Cannot write in" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_json_goes_to_stdout_alone() -> None:
    done = run("parts", "list", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads(done.stdout)
    assert {"part_id": "3001", "name": "Brick 2 x 4", "length_mm": 31.8}.items() <= next(
        row for row in rows if row["part_id"] == "3001"
    ).items()


def test_a_shadowed_stage_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "__init__.py").touch()
    code = "import sys; sys.modules.pop('dataset', None)\nimport brickbench\nbrickbench.check_origins()"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "The package `dataset` is loaded from" in done.stderr
    assert "shadows it" in done.stderr


def test_origins_are_right_here() -> None:
    try:
        brickbench.check_origins()
    except BrickbenchError as error:
        pytest.fail(str(error))


@pytest.mark.parametrize(
    ("name", "more", "told"),
    [
        (b"d\xff", {}, r"Names should be UTF-8, got '.*d\\udcff.*'\. Rename it, or set PYTHONUTF8=1"),
        (
            "dé".encode(),
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            r"Names should be UTF-8, got '.*d\\udcc3\\udca9.*', and this Python reads them as ascii\. Rename it",
        ),
    ],
)
def test_a_name_that_is_no_utf8_is_told(
    toy_dataset: Path, tmp_path: Path, name: bytes, more: dict[str, str], told: str
) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    shutil.copytree(toy_dataset, folder)
    command = [sys.executable, "-m", "brickbench", "dataset", "info", os.fsencode(folder)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | more, capture_output=True, text=True)
    assert done.returncode == 1
    assert re.fullmatch(rf"brickbench: {told}.*\n", done.stderr)
