"""Long work killed with -9 again and again: does it end as if nobody had killed it, and is nothing lost?

    python benchmarks/kills.py                     # 120 kills, some 15 CPU-minutes
    python benchmarks/kills.py --kills 3 --only localize

Each piece of work is done once without a kill, for its files and the time that it takes. Then it is begun again in a
copy of the same dataset and killed at a random moment, the whole process group or a single worker in turn, and begun
again by the same command, until all kills are done; then it may end. Its files must be those of the first time, byte
for byte but for times of day and durations. A study is served and answered in the meantime: each answer that the
server said it has must be in its store. It prints a table, the one of docs/reliability.md.
"""

import argparse
import hashlib
import http.client
import json
import os
import random
import re
import runpy
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
WITHOUT = {"seconds", "row", "file"}
"""Columns of maps that say when and where: a run that was stopped may divide its maps into files otherwise."""
TRAIN = """
model: bricknet
model_kwargs: {width: 0.05, stem_stride: 2}
input_size_px: 64
epochs: 8
batch_size: 16
"""
RENDER = """
parts: ['3001', '3795', '2431']
bricks_max: 2
image_size_px: 48
samples: 1
piles_per_shard: 4
"""


@dataclass
class Work:
    """One command that writes into a copy of the dataset."""

    name: str
    words: tuple[str, ...]
    """``{root}`` is the copy."""
    made: tuple[str, ...]
    """What it makes, as patterns below the copy."""
    settings: dict[str, str] = field(default_factory=dict)
    """Files to write beside the dataset first."""
    dataset: str = "dataset"
    """What is checked in the end."""


WORKS = (
    Work(
        "render run",
        ("render", "run", "{root}/../render.yaml", "-o", "{root}/../piles", "--count", "24", "--workers", "2"),
        ("../piles/shards/*/**/*",),
        {"render.yaml": RENDER},
        dataset="piles",
    ),
    Work(
        "train run",
        ("train", "run", "{root}/../train.yaml", "-d", "{root}", "-o", "{root}/runs/killed", "--device", "cpu"),
        ("runs/killed/checkpoints/epoch_*", "runs/killed/epochs.jsonl"),
        {"train.yaml": TRAIN},
    ),
    Work(
        "explain run",
        ("explain", "run", "{root}/runs/toy", "--methods", "gradcam,lime,random", "--set", "lime.num_samples=120",
         "--workers", "2", "--device", "cpu"),
        ("runs/toy/attributions/*/*.parquet",),
    ),
    Work("evaluate localize", ("evaluate", "localize", "{root}/runs/explained", "--json"),
         ("runs/explained/scores/*.parquet", "runs/explained/score_sums/*.parquet")),
    Work(
        "evaluate faithfulness",
        ("evaluate", "faithfulness", "{root}/runs/explained", "--metrics", "deletion,road,average_drop",
         "--workers", "2", "--device", "cpu"),
        ("runs/explained/scores/*.parquet",),
    ),
    Work(
        "study build",
        ("study", "build", "{root}/runs/explained", "-o", "{root}/../study", "--items", "6", "--participants", "4",
         "--methods", "gradcam,random"),
        ("../study/key.json", "../study/public/*", "../study/study.yaml"),
    ),
    Work("dataset index --rebuild", ("dataset", "index", "--rebuild", "{root}"), ("shards/*/*.parquet",)),
)  # fmt: skip


@dataclass
class Row:
    """What came of one piece of work."""

    work: str
    kills: int = 0
    of_groups: int = 0
    of_workers: int = 0
    starts: int = 0
    outcome: str = "as without a kill"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=15, help="of each piece of work")
    parser.add_argument("--only", help="pieces of work whose name has this")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        base = _prepare(Path(scratch) / "base")
        for work in WORKS:
            if arguments.only in (None, work.name) or arguments.only in work.name:
                rows.append(_killed(work, base, Path(scratch) / "now", arguments.kills, random.Random(arguments.seed)))
                _print(rows[-1:])
        if arguments.only in (None, "study serve"):
            rows.append(_served(base, Path(scratch) / "now", arguments.kills, random.Random(arguments.seed)))
    print()
    _print(rows)
    if any(row.outcome != Row("").outcome for row in rows):
        sys.exit(1)


def _print(rows: list[Row]) -> None:
    for row in rows:
        kills = f"{row.kills} ({row.of_groups} of the group, {row.of_workers} of one worker)"
        print(f"| {row.work} | {kills} | {row.starts} | {row.outcome} |", flush=True)


def _prepare(base: Path) -> Path:
    """Return a folder with a toy dataset, a trained run, one that is explained, and a study built from it."""
    make_toy_dataset: Callable[..., Path] = runpy.run_path(str(ROOT / "tests" / "toy.py"))["make_toy_dataset"]
    root = make_toy_dataset(base / "dataset", piles=60)
    (base / "train.yaml").write_text(TRAIN.replace("epochs: 8", "epochs: 1"))
    for run in ("toy", "explained"):
        _must(
            "train", "run", str(base / "train.yaml"), "-d", str(root), "-o", str(root / "runs" / run), "--device", "cpu"
        )
    _must("explain", "run", str(root / "runs" / "explained"), "--methods", "gradcam,random,edges", "--device", "cpu")
    _must("study", "build", str(root / "runs" / "explained"), "-o", str(base / "served"), "--items", "6",
          "--participants", "40", "--methods", "gradcam,random")  # fmt: skip
    return base


def _must(*words: str) -> None:
    done = subprocess.run(_command(words), env=_environment(), cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"brickbench {' '.join(words)}:\n{done.stderr}")


def _command(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "brickbench", *words]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def _killed(work: Work, base: Path, place: Path, kills: int, chance: random.Random) -> Row:
    row = Row(work.name)
    words = tuple(word.replace("{root}", str(place / "dataset")) for word in work.words)
    _copy(base, place, work)
    started = time.monotonic()
    _must(*words)
    seconds = time.monotonic() - started
    whole = _content(place / "dataset", work.made)
    _copy(base, place, work)
    errors = []
    while row.kills < kills:
        if row.starts > 3 * kills:
            return _ended(row, f"only {row.kills} kills hit it")
        process = subprocess.Popen(
            _command(words), env=_environment(), cwd=ROOT, start_new_session=True, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        row.starts += 1
        try:
            _, said = process.communicate(timeout=chance.uniform(0.3 * seconds, 1.1 * seconds))
            errors.append(said)
            if process.returncode == 0:  # it ended before the kill: begin anew, so that there is something to kill
                _copy(base, place, work)
            continue
        except subprocess.TimeoutExpired:
            pass
        workers = _children(process.pid)
        if workers and row.kills % 2:
            os.kill(chance.choice(workers), signal.SIGKILL)
            row.of_workers += 1
            _, said = process.communicate()  # it goes on without that worker
            errors.append(said)
        else:
            os.killpg(process.pid, signal.SIGKILL)
            row.of_groups += 1
            errors.append(process.communicate()[1])
        row.kills += 1
    last = subprocess.run(_command(words), env=_environment(), cwd=ROOT, capture_output=True, text=True)
    row.starts += 1
    if last.returncode:
        return _ended(row, f"it does not end: {last.stderr.strip().splitlines()[-1]}")
    if any("Traceback" in said for said in [*errors, last.stderr]):
        return _ended(row, "a traceback was printed")
    now = _content(place / "dataset", work.made)
    differing = sorted(name for name in {*whole, *now} if whole.get(name) != now.get(name))
    if differing:
        return _ended(row, f"{len(differing)} of {len(whole)} differ, such as {differing[0]}")
    checked = subprocess.run(
        _command(("dataset", "check", str(place / work.dataset))), env=_environment(), cwd=ROOT, text=True,
        capture_output=True,
    )  # fmt: skip
    return row if checked.returncode == 0 else _ended(row, f"the dataset is not whole: {checked.stdout[:200]}")


def _ended(row: Row, outcome: str) -> Row:
    row.outcome = outcome
    return row


def _copy(base: Path, place: Path, work: Work) -> None:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(base, place)
    for name, text in work.settings.items():
        (place / name).write_text(text)


def _children(process: int) -> list[int]:
    """Return the workers of a process, without Python's own helper that tracks its resources."""
    found = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(process)], capture_output=True, text=True).stdout
    lines = [line.strip().partition(" ") for line in found.splitlines()]
    return [int(pid) for pid, _, command in lines if "spawn_main" in command]


def _content(root: Path, patterns: tuple[str, ...]) -> dict[str, str]:
    """Return a digest of what was made, by name: of rows where the files may be divided otherwise."""
    made: dict[str, str] = {}
    for pattern in patterns:
        rows: list[str] = []
        for path in sorted(path for path in root.glob(pattern) if path.is_file() and not path.name.startswith(".")):
            if "attributions" in pattern or "scores" in pattern or "score_sums" in pattern:
                rows += [str(sorted(row.items())) for row in _rows(path)]
            else:
                content = path.read_bytes()
                if path.suffix in (".jsonl", ".json", ".yaml"):
                    content = re.sub(rb'"(seconds|device_seconds|created)": [^,}\n]+', b"", content)
                made[str(path.relative_to(root.parent))] = hashlib.sha256(content).hexdigest()
        if rows:
            made[pattern] = hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()
    return made


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    table = pq.read_table(path, partitioning=None)
    yield from table.drop_columns([name for name in table.column_names if name in WITHOUT]).to_pylist()


def _served(base: Path, place: Path, kills: int, chance: random.Random) -> Row:
    """Return what came of a server that is killed while a person answers."""
    row = Row("study serve")
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(base, place)
    study, told = place / "served", set[tuple[str, str]]()
    while row.kills < kills:
        server = subprocess.Popen(
            _command(("study", "serve", str(study), "--port", "0", "--links", "40")), env=_environment(), cwd=ROOT,
            start_new_session=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        row.starts += 1
        port = _port_of(server)
        end = time.monotonic() + chance.uniform(0.05, 1.0)
        tokens = _tokens(study)
        while time.monotonic() < end and tokens:
            told |= _answer_one(port, tokens, chance)
        os.killpg(server.pid, signal.SIGKILL)
        server.communicate()
        row.kills += 1
        row.of_groups += 1
    with sqlite3.connect(study / "answers.sqlite") as store:
        kept = set(store.execute("SELECT trial_id, chosen FROM answers").fetchall())
    row.outcome = row.outcome if told <= kept else f"{len(told - kept)} of {len(told)} answers are lost"
    print(f"{len(told)} answers were told to be kept, {len(kept)} are there")
    return row


def _port_of(server: subprocess.Popen[str]) -> int:
    assert server.stderr is not None
    for line in server.stderr:
        found = re.search(r"http://[^:/]+:(\d+)", line)
        if found:
            return int(found[1])
    sys.exit("The server did not say where it listens.")


def _tokens(study: Path) -> list[str]:
    lines = (study / "participants.csv").read_text(encoding="utf-8").splitlines()[1:]
    return [match[1] for line in lines if (match := re.search(r"#([\w-]{20,})", line))]


def _answer_one(port: int, tokens: list[str], chance: random.Random) -> set[tuple[str, str]]:
    """Return the answer that somebody gave, if the server said that it has it."""
    token = chance.choice(tokens)
    try:
        state = _ask(port, token, "GET", "/api/state")
        if state["stage"] == "new":
            state = _ask(port, token, "POST", "/api/start", {"language": "en", "familiarity": 1})
        if state["stage"] == "done":
            tokens.remove(token)
            return set()
        trial, side = state["trial"]["trial_id"], chance.choice(("left", "right"))
        body = {"trial_id": trial, "chosen": side, "seconds": 1.5, "request_key": secrets.token_hex(16)}
        _ask(port, token, "POST", "/api/answer", body)
    except (OSError, http.client.HTTPException, ValueError):
        return set()
    return {(trial, side)}


def _ask(port: int, token: str, verb: str, path: str, body: object = None) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request(verb, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise ValueError(f"{answer.status}: {content[:200]!r}")
        return dict(json.loads(content)) if content else {}
    finally:
        connection.close()


if __name__ == "__main__":
    main()
