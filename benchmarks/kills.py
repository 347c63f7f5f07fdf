"""Long work killed with -9 again and again: does it end as if nobody had killed it, and is nothing lost?

    python benchmarks/kills.py                                       # 12 kills of each command, some 25 CPU-minutes
    python benchmarks/kills.py --kills 3 --only "explain run" --only "study serve"

Each command runs once without a kill, for its results and the time that it takes. Then it starts in a copy of the same
folders and is killed at a random moment, the whole process group or a single worker in turn, up to three times; then it
may end. That is a chain. At its end the results are compared with those of the first run, value by value: maps, scores,
rows of the index, and the bytes of all other files but for times of day and durations. What is empty or missing counts
as failed. A study is served and answered over HTTP: each answer that the server acknowledged must be in its store,
once, when it is started again. It prints a table, the one of docs/reliability.md.
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
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq

from dataset.index import update_index
from dataset.manifest import Manifest, SplitRule
from dataset.shards import write_shard

ROOT = Path(__file__).parents[1]
WITHOUT = {"seconds", "row", "file"}
"""Columns that say when and where: a run that was stopped may divide its maps into files otherwise."""
KILLS_A_CHAIN = 3  # also what goes on after a kill is killed
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
Content = dict[str, str]
"""Digests of results by name; a name that is there stands for something that is not empty."""


@dataclass(frozen=True)
class Work:
    """One command, and what it makes. ``{base}`` is the folder of the copies, ``{root}`` the dataset in it."""

    name: str
    words: tuple[str, ...]
    files: tuple[str, ...] = ()
    """Files that must be equal byte for byte, as patterns below ``{base}``; each fits at least one file."""
    rows: tuple[str, ...] = ()
    """Parquet files whose rows must be equal, however they lie in files; of maps the values too."""
    index: str = ""
    """A dataset below ``{base}`` whose index must hold the same rows, and in which `dataset check` finds nothing."""
    settings: dict[str, str] = field(default_factory=dict)
    """Files to write first."""
    before: Callable[[Path], None] | None = None
    """What is done to the copy first."""


def _forget_shards(base: Path) -> None:
    """Leave an index in which none of the shards is."""
    with duckdb.connect(str(base / "dataset" / "index.duckdb")) as index:
        for table in ("shards", "images", "instances", "labels", "contents"):
            index.execute(f"DELETE FROM {table}")


WORKS = (
    Work(
        "render run",
        ("render", "run", "{base}/render.yaml", "-o", "{base}/piles", "--count", "16", "--workers", "2"),
        files=("piles/shards/*/*.parquet", "piles/shards/*/images/*", "piles/dataset.yaml"), index="piles",
        settings={"render.yaml": RENDER},
    ),
    Work(
        "train run",
        ("train", "run", "{base}/train.yaml", "-d", "{root}", "-o", "{root}/runs/killed", "--device", "cpu"),
        files=("dataset/runs/killed/checkpoints/epoch_*", "dataset/runs/killed/epochs.jsonl"), index="dataset",
        settings={"train.yaml": TRAIN},
    ),
    Work(
        "train run, two loader workers",
        ("train", "run", "{base}/train.yaml", "-d", "{root}", "-o", "{root}/runs/killed", "--device", "cpu"),
        files=("dataset/runs/killed/checkpoints/epoch_*", "dataset/runs/killed/epochs.jsonl"), index="dataset",
        settings={"train.yaml": TRAIN.replace("epochs: 8", "epochs: 3") + "workers: 2\ncache_mb: 0\n"},
    ),
    Work(
        "explain run",
        ("explain", "run", "{root}/runs/toy", "--methods", "gradcam,lime,random", "--set", "lime.num_samples=120",
         "--workers", "2", "--device", "cpu"),
        rows=("dataset/runs/toy/attributions/*/*.parquet",), index="dataset",
    ),
    Work(
        "evaluate localize", ("evaluate", "localize", "{root}/runs/explained", "--json", "--workers", "2"),
        rows=("dataset/runs/explained/scores/*.parquet", "dataset/runs/explained/score_sums/*.parquet"),
        index="dataset",
    ),
    Work(
        "evaluate faithfulness",
        ("evaluate", "faithfulness", "{root}/runs/explained", "--metrics", "deletion,road,average_drop",
         "--workers", "2", "--device", "cpu"),
        rows=("dataset/runs/explained/scores/*.parquet",), index="dataset",
    ),
    Work(
        "study build",
        ("study", "build", "{root}/runs/explained", "-o", "{base}/study", "--items", "8", "--participants", "6",
         "--methods", "gradcam,random", "--power-simulations", "12", "--workers", "2"),
        files=("study/key.json", "study/public/*", "study/study.yaml", "study/preregistration.*"),
    ),
    Work("dataset index", ("dataset", "index", "{root}"), index="dataset", before=_forget_shards),
    Work("dataset index --rebuild", ("dataset", "index", "--rebuild", "{root}"), index="dataset"),
    Work(
        "dataset import",
        ("dataset", "import", "{base}/photos", "-o", "{base}/imported", "--keep-names", "--workers", "2"),
        files=("imported/dataset.yaml", "imported/shards/*/*.parquet", "imported/shards/*/images/*"),
        index="imported",
    ),
)  # fmt: skip
SERVE = "study serve"


@dataclass
class Row:
    """What came of one command."""

    command: str
    of_groups: int = 0
    of_workers: int = 0
    same: int = 0
    differed: int = 0
    failed: int = 0

    @property
    def kills(self) -> int:
        """All kills."""
        return self.of_groups + self.of_workers


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=12, help="of each command")
    names = [work.name for work in WORKS] + [SERVE]
    parser.add_argument("--only", action="append", choices=names, metavar="COMMAND",
                        help=f"repeatable; one of: {'; '.join(names)}")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    wanted = arguments.only or names
    with tempfile.TemporaryDirectory() as scratch:
        base, now = _prepare(Path(scratch) / "base"), Path(scratch) / "now"
        rows = [
            _killed(work, base, now, arguments.kills, random.Random(arguments.seed))
            for work in WORKS
            if work.name in wanted
        ]
        if SERVE in wanted:
            rows.append(_served(base, now, arguments.kills, random.Random(arguments.seed)))
    print("| command | kills | of the whole group | of one worker | ended the same | differed | failed |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for row in rows:
        counts = (row.kills, row.of_groups, row.of_workers, row.same, row.differed, row.failed)
        print(f"| {row.command} | {' | '.join(map(str, counts))} |")
    if any(row.differed or row.failed for row in rows):
        sys.exit(1)


def _prepare(base: Path) -> Path:
    """Return a folder with a toy dataset, a trained run, one that is explained, a study built from it, and photos."""
    toy = runpy.run_path(str(ROOT / "tests" / "toy.py"))
    root = base / "dataset"
    Manifest(parts=toy["PARTS"], split_rule=SplitRule(train=0.6, val=0.2, test=0.2)).save_folder(root)
    for shard in range(20):  # a merge of many steps
        write_shard(root, shard, toy["toy_pictures"](0, range(shard * 3, shard * 3 + 3), 64))
    update_index(root)
    (base / "train.yaml").write_text(TRAIN.replace("epochs: 8", "epochs: 1"))
    for run in ("toy", "explained"):
        _must(
            "train", "run", str(base / "train.yaml"), "-d", str(root), "-o", str(root / "runs" / run), "--device", "cpu"
        )
    _must("explain", "run", str(root / "runs" / "explained"), "--methods", "gradcam,random,edges", "--device", "cpu")
    _must("study", "build", str(root / "runs" / "explained"), "-o", str(base / "served"), "--items", "6",
          "--participants", "40", "--methods", "gradcam,random", "--power-simulations", "0")  # fmt: skip
    for number, (_, data) in enumerate(toy["toy_pictures"](1, range(300), 160)):
        photo = base / "photos" / ("3001", "3003", "3010")[number % 3] / f"{number:04d}.png"
        photo.parent.mkdir(parents=True, exist_ok=True)
        photo.write_bytes(data)
    return base


def _must(*words: str) -> None:
    done = _run(words)
    if done.returncode:
        sys.exit(f"brickbench {' '.join(words)}:\n{done.stderr}")


def _run(words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_command(words), env=_environment(), cwd=ROOT, capture_output=True, text=True)


def _command(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "brickbench", *words]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def _killed(work: Work, base: Path, now: Path, kills: int, chance: random.Random) -> Row:
    """Return what came of a command that is killed until `kills` have hit it."""
    row = Row(work.name)
    words = tuple(word.format(base=now, root=now / "dataset") for word in work.words)
    _copy(base, now, work)
    started = time.monotonic()
    _must(*words)
    seconds = time.monotonic() - started
    whole, lacking = _content(work, now)
    if lacking:
        sys.exit(f"{work.name}: without a kill there is no {', '.join(lacking)}")
    while row.kills < kills:
        _copy(base, now, work)
        hits = _chain(row, words, seconds, min(KILLS_A_CHAIN, kills - row.kills), chance)
        if not hits:  # it ended before the first one
            continue
        last = _run(words)
        outcome = _fault([*hits, last.stderr], last.returncode)
        if not outcome:
            content, lacking = _content(work, now)
            outcome = f"there is no {', '.join(lacking)}" if lacking else ""
        if not outcome and work.index:
            checked = _run(("dataset", "check", str(now / work.index)))
            outcome = f"dataset check: {(checked.stdout + checked.stderr)[:300]}" if checked.returncode else ""
        differing = [] if outcome else sorted(n for n in {*whole, *content} if whole.get(n) != content.get(n))
        row.failed += bool(outcome)
        row.differed += bool(differing)
        row.same += not outcome and not differing
        told = outcome or (f"differ: {', '.join(differing[:5])}" if differing else "the same")
        print(f"{work.name}: {row.of_groups} + {row.of_workers} kills, {told}", file=sys.stderr, flush=True)
    return row


def _chain(row: Row, words: tuple[str, ...], seconds: float, most: int, chance: random.Random) -> list[str]:
    """Kill a command and start it again up to `most` times, and return what was said to stderr by each start."""
    said: list[str] = []
    for hit in range(most):
        process = subprocess.Popen(
            _command(words), env=_environment(), cwd=ROOT, start_new_session=True, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:  # the first tenth is Python's own start; what goes on needs less time than the whole
            told = process.communicate(timeout=chance.uniform(0.1, 0.95 if hit == 0 else 0.7) * seconds)[1]
        except subprocess.TimeoutExpired:
            workers = _workers(process.pid) if row.of_workers <= row.of_groups else []
            if workers:
                os.kill(chance.choice(workers), signal.SIGKILL)  # the command goes on without that one, or says so
                row.of_workers += 1
            else:
                os.killpg(process.pid, signal.SIGKILL)
                row.of_groups += 1
            told = process.communicate()[1]
            said.append(told)
        else:
            if said:
                said.append(told)
            break
    return said


def _workers(process: int) -> list[int]:
    """Return the processes that work for one: those of Python's pools and of torch's loaders, without their helpers."""
    found = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(process)], capture_output=True, text=True).stdout
    lines = [line.strip().partition(" ") for line in found.splitlines()]
    return [int(pid) for pid, _, command in lines if "spawn_main" in command or "-m brickbench" in command]


def _fault(said: list[str], code: int) -> str:
    """Return what is wrong with how it ended, or nothing."""
    if code:
        return f"it does not end: {said[-1].strip().splitlines()[-1]}"
    broken = [text for text in said if "Traceback" in text]
    return f"a traceback was printed: {broken[0][-600:]}" if broken else ""


def _copy(base: Path, now: Path, work: Work) -> None:
    shutil.rmtree(now, ignore_errors=True)
    shutil.copytree(base, now)
    for name, text in work.settings.items():
        (now / name).write_text(text)
    if work.before:
        work.before(now)


def _content(work: Work, base: Path) -> tuple[Content, list[str]]:
    """Return digests of what a command made, and the names of what is empty or missing."""
    made: Content = {}
    lacking: list[str] = []
    for pattern in work.files:
        files = _files(base, pattern)
        made |= {str(path.relative_to(base)): _file_digest(path) for path in files}
        lacking += [str(path.relative_to(base)) for path in files if not path.stat().st_size]
        lacking += [] if files else [pattern]
    for pattern in work.rows:
        rows = [row for path in _files(base, pattern) for row in _rows(path)]
        made[pattern] = _digest(rows)
        lacking += [] if rows else [pattern]
    if work.index:
        rows = _index_rows(base / work.index)
        made["rows of the index"] = _digest(rows)
        lacking += [] if rows else ["rows of the index"]
    return made, lacking


def _files(base: Path, pattern: str) -> list[Path]:
    return sorted(path for path in base.glob(pattern) if path.is_file() and not path.name.startswith("."))


def _digest(rows: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()


def _file_digest(path: Path) -> str:
    content = path.read_bytes()
    if path.suffix in (".jsonl", ".json", ".yaml"):
        content = re.sub(rb'"(seconds|device_seconds|created)": [^,}\n]+', b"", content)
    return hashlib.sha256(content).hexdigest()


def _rows(path: Path) -> list[str]:
    """Return the rows of a parquet file as text; where a row is that of a map, with the digest of the map's values."""
    table = pq.read_table(path, partitioning=None)
    rows: list[dict[str, Any]] = table.to_pylist()
    if {"file", "row"} <= set(table.column_names):
        maps = np.load(path.with_suffix(".npy"))
        if not np.isfinite(maps).all() or not maps.any():
            sys.exit(f"{path} has maps of nothing")
        rows = [row | {"values": hashlib.sha256(maps[row["row"]].tobytes()).hexdigest()} for row in rows]
    return [str(sorted((name, value) for name, value in row.items() if name not in WITHOUT)) for row in rows]


def _index_rows(root: Path) -> list[str]:
    """Return all rows of the index as text."""
    rows: list[str] = []
    with duckdb.connect(str(root / "index.duckdb"), read_only=True) as index:
        for (table,) in index.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall():
            answer = index.execute(f'SELECT * FROM "{table}"')
            without = WITHOUT if table == "attributions" else set()
            kept = [n for n, column in enumerate(answer.description or ()) if column[0] not in without]
            rows += [f"{table}: {[row[n] for n in kept]}" for row in answer.fetchall()]
    return rows


def _served(base: Path, now: Path, kills: int, chance: random.Random) -> Row:
    """Return what came of a server that is killed while people answer, and started again."""
    row = Row(SERVE)
    shutil.rmtree(now, ignore_errors=True)
    shutil.copytree(base, now)
    study = now / "served"
    told: dict[str, str] = {}
    for _ in range(kills):
        server, port = _serve(study)
        tokens = _tokens(study)
        end = time.monotonic() + chance.uniform(0.05, 0.6)
        while time.monotonic() < end and tokens:
            told |= _answer_one(port, tokens, chance)
        if tokens:  # an answer is under way when the kill comes: it may be in the store or not, but not twice
            told |= _answer_one(port, tokens, chance, killed=server.pid)
        _end(server)
        row.of_groups += 1
        server, _ = _serve(study)
        with sqlite3.connect(study / "answers.sqlite") as store:
            kept = store.execute("SELECT trial_id, chosen FROM answers").fetchall()
        _end(server)
        lost = {trial for trial, side in told.items() if (trial, side) not in kept}
        doubled = len(kept) - len({trial for trial, _ in kept})
        well = bool(told) and not lost and not doubled
        row.same += well
        row.failed += not well
        print(f"{SERVE}: {len(told)} answers acknowledged, {len(kept)} there, {len(lost)} lost, {doubled} twice",
              file=sys.stderr, flush=True)  # fmt: skip
    return row


def _serve(study: Path) -> tuple[subprocess.Popen[str], int]:
    """Start the server, and return it with its port once it listens."""
    server = subprocess.Popen(
        _command(("study", "serve", str(study), "--port", "0", "--links", "40")), env=_environment(), cwd=ROOT,
        start_new_session=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    return server, _port_of(server)


def _end(server: subprocess.Popen[str]) -> None:
    os.killpg(server.pid, signal.SIGKILL)  # also a server that was killed: it counts as there until it is waited for
    server.communicate()


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


def _answer_one(port: int, tokens: list[str], chance: random.Random, killed: int = 0) -> dict[str, str]:
    """Return the answer that somebody gave, if the server acknowledged it; `killed` is killed while it is under way."""
    token = chance.choice(tokens)
    try:
        state = _ask(port, token, "GET", "/api/state")
        if state["stage"] == "new":
            state = _ask(port, token, "POST", "/api/start", {"language": "en", "familiarity": 1})
        if state["stage"] == "done":
            tokens.remove(token)
            return {}
        trial, side = state["trial"]["trial_id"], chance.choice(("left", "right"))
        body = {"trial_id": trial, "chosen": side, "seconds": 1.5, "request_key": secrets.token_hex(16)}
        _ask(port, token, "POST", "/api/answer", body, killed, chance.uniform(0.0, 0.01))
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    return {trial: side}


def _ask(
    port: int, token: str, verb: str, path: str, body: object = None, killed: int = 0, after_s: float = 0.0
) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request(verb, path, None if body is None else json.dumps(body), headers)
        if killed:
            time.sleep(after_s)
            os.killpg(killed, signal.SIGKILL)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise ValueError(f"{answer.status}: {content[:200]!r}")
        return dict(json.loads(content)) if content else {}
    finally:
        connection.close()


if __name__ == "__main__":
    main()
