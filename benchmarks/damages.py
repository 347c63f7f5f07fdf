"""Files of a dataset, a run and a study damaged one by one: what does each command say?

    python benchmarks/damages.py               # some 400 damages, some 5 CPU-minutes
    python benchmarks/damages.py --only maps

Each file is cut to its half, emptied, deleted, or has bytes flipped at its beginning, middle and end; then the commands
that read it are run, in this process and on a copy. What comes of it is one of four: told in one sentence, done as if
nothing was (a flipped byte may hit nothing that is read, and a file that can be made again is), warned of beside the
result, or a Python error, which is a fault. It prints a table, the one of docs/reliability.md, and each fault.
"""

import argparse
import contextlib
import io
import random
import runpy
import shutil
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import brickbench

ROOT = Path(__file__).parents[1]
TRAIN = """
model: bricknet
model_kwargs: {width: 0.05, stem_stride: 2}
input_size_px: 64
epochs: 2
batch_size: 16
"""


@dataclass(frozen=True)
class Kind:
    """Files of one kind, and the commands that read them."""

    name: str
    pattern: str
    commands: tuple[str, ...]
    """``{root}`` is the copy's dataset, ``{study}`` its study."""


ANALYZE, BUNDLE = "study analyze {study} -o {root}/study.html", "study bundle {study} -o {root}/b.html"
KINDS = (
    Kind("dataset.yaml", "dataset/dataset.yaml", ("dataset info {root}", "dataset check {root}")),
    Kind("pictures", "dataset/shards/*/images/*0.png", ("dataset check {root}", "train validate {run} --device cpu")),
    Kind("rows of shards", "dataset/shards/*/*.parquet", ("dataset check {root}", "dataset index --rebuild {root}")),
    Kind("index", "dataset/index.duckdb", ("dataset info {root}", "dataset check {root}", "train list {root}")),
    Kind("run.yaml", "dataset/runs/toy/run.yaml", ("train list {root}", "train validate {run} --device cpu")),
    Kind("settings of a run", "dataset/runs/toy/settings.yaml", ("train list {root}", "train resume {run} --epochs 3")),
    Kind("epochs.jsonl", "dataset/runs/toy/epochs.jsonl", ("train list {root}", "train resume {run} --epochs 3")),
    Kind("weights", "dataset/runs/toy/checkpoints/epoch_*.safetensors",
         ("train validate {run} --device cpu", "explain run {run} --methods saliency --limit 2 --device cpu")),
    Kind("words beside weights", "dataset/runs/toy/checkpoints/*.json",
         ("train validate {run} --device cpu", "explain run {run} --methods saliency --limit 2 --device cpu")),
    Kind("state to resume from", "dataset/runs/toy/checkpoints/resume*", ("train resume {run} --epochs 3",)),
    Kind("predictions", "dataset/runs/toy/predictions/*", ("dataset index --rebuild {root}",
         "evaluate findings {run} -o {root}/findings.html")),
    Kind("maps", "dataset/runs/toy/attributions/gradcam*/*.npy",
         ("evaluate localize {run} --force", "explain show {run} p000003_v00 -o {root}/show.png")),
    Kind("rows of maps", "dataset/runs/toy/attributions/gradcam*/*.parquet",
         ("evaluate localize {run}", "explain run {run} --methods gradcam --device cpu")),
    Kind("settings of maps", "dataset/runs/toy/attributions/gradcam*/settings.yaml",
         ("evaluate faithfulness {run} --metrics max_sensitivity --limit 1 --methods gradcam --device cpu",)),
    Kind("scores", "dataset/runs/toy/scores/*.parquet",
         ("evaluate compare {run}", "evaluate localize {run}", "evaluate report {run} -o {root}/report.html")),
    Kind("sums of scores", "dataset/runs/toy/score_sums/*.parquet", ("evaluate localize {run} --metrics max_box_acc",)),
    Kind("study.yaml", "study/study.yaml", (ANALYZE, BUNDLE)),
    Kind("key of a study", "study/key.json", (ANALYZE, BUNDLE)),
    Kind("pictures of a study", "study/public/*", (BUNDLE,)),
    Kind("answers", "study/answers.sqlite", (ANALYZE,)),
    Kind("photos to import", "photos/*/*", ("dataset import {photos} -o {root}-imported --keep-names",)),
)  # fmt: skip
MOST_FILES = 3
"""Of each kind."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="kinds whose name has this")
    arguments = parser.parse_args()
    faults: list[str] = []
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        base, now = prepare(Path(scratch) / "base"), Path(scratch) / "now"
        for kind in KINDS:
            if arguments.only in (None, kind.name) or arguments.only in kind.name:
                rows.append((kind.name, _damaged(kind, base, now, faults)))
                _print(*rows[-1])
    print()
    for row in rows:
        _print(*row)
    for fault in faults:
        print(f"\n{fault}")
    if faults:
        sys.exit(1)


def _print(name: str, outcomes: Counter[str]) -> None:
    counts = " | ".join(str(outcomes[outcome]) for outcome in ("told", "warned", "done", "Python error"))
    print(f"| {name} | {outcomes.total()} | {counts} |", flush=True)


def _damaged(kind: Kind, base: Path, now: Path, faults: list[str]) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    files = sorted(base.glob(kind.pattern))[:MOST_FILES]
    if not files:
        sys.exit(f"there is no {kind.pattern} to damage")
    for file in files:
        for name, damage in DAMAGES.items():
            for command in kind.commands:
                shutil.rmtree(now, ignore_errors=True)
                shutil.copytree(base, now)
                damage(now / file.relative_to(base))
                outcome, said = outcome_of(command, now)
                outcomes[outcome] += 1
                if outcome == "Python error":
                    faults.append(f"{file.relative_to(base)} {name}, {command}:\n{said}")
    return outcomes


def outcome_of(command: str, now: Path) -> tuple[str, str]:
    """Run a command on the copy `now`; return what came of it, and what it said."""
    places = {
        "root": now / "dataset",
        "run": now / "dataset/runs/toy",
        "study": now / "study",
        "photos": now / "photos",
    }
    words = [word.replace("+", " ") for word in command.format(**places).split()]
    said = io.StringIO()
    try:
        with (
            mock.patch.object(sys, "argv", ["brickbench", *words]),
            contextlib.redirect_stderr(said),
            contextlib.redirect_stdout(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            code = brickbench.run()
    except Exception:  # noqa: BLE001  what is looked for
        return "Python error", traceback.format_exc(limit=-4)
    if code:
        lines = [line for line in said.getvalue().splitlines() if line.startswith(("brickbench: ", "Error: "))]
        return "told", "\n".join(lines)
    return ("warned" if "set aside" in said.getvalue() or "damaged" in said.getvalue() else "done"), said.getvalue()


def prepare(base: Path) -> Path:
    """Make a dataset with a run, a study and photos in `base`, and return it."""
    toy = runpy.run_path(str(ROOT / "tests" / "toy.py"))
    make_toy_dataset: Callable[..., Path] = toy["make_toy_dataset"]
    root = make_toy_dataset(base / "dataset", piles=40)
    run = str(root / "runs" / "toy")
    (base / "train.yaml").write_text(TRAIN)
    for words in (
        ["train", "run", str(base / "train.yaml"), "-d", str(root), "-o", run, "--device", "cpu"],
        ["train", "predict", run, "--split", "test"],
        ["explain", "run", run, "--methods", "gradcam,random,edges", "--device", "cpu"],
        ["evaluate", "localize", run],
        ["study", "build", run, "-o", str(base / "study"), "--items", "6", "--participants", "2",
         "--methods", "gradcam,random", "--power-simulations", "2"],
    ):  # fmt: skip
        with contextlib.redirect_stdout(io.StringIO()):
            brickbench.cli.main(words, prog_name="brickbench", standalone_mode=False)
    _answer(base / "study")
    for part, picture in zip(("3001", "3003", "3001"), sorted((root / "shards").glob("*/images/*")), strict=False):
        (base / "photos" / part).mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, base / "photos" / part / picture.name)
    return base


def _answer(study: Path) -> None:
    """Have one simulated person answer the study."""
    from starlette.testclient import TestClient

    from evaluation.study.web.app import create_app

    token = "0" * 32
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    chance = random.Random(0)
    with TestClient(create_app(study, organiser="x" * 32, tokens={"P0001": token})) as client:
        state = client.post("/api/start", json={"language": "en", "familiarity": 1}, headers=headers).json()
        while state["stage"] == "trial":
            body = {"trial_id": state["trial"]["trial_id"], "chosen": chance.choice(["left", "right"]), "seconds": 1.5,
                    "request_key": f"{chance.getrandbits(128):032x}"}  # fmt: skip
            state = client.post("/api/answer", json=body, headers=headers).json()


def _flip(share: float) -> Callable[[Path], None]:
    def flip(file: Path) -> None:
        content = bytearray(file.read_bytes())
        start = int(share * max(len(content) - 16, 0))
        content[start : start + 16] = bytes(255 - byte for byte in content[start : start + 16])
        file.write_bytes(content)

    return flip


def _cut(share: float) -> Callable[[Path], None]:
    def cut(file: Path) -> None:
        content = file.read_bytes()
        file.write_bytes(content[: int(share * len(content))])

    return cut


def _damages() -> Iterator[tuple[str, Callable[[Path], None]]]:
    for share, where in ((0.0, "beginning"), (0.5, "middle"), (1.0, "end")):
        yield f"flipped at its {where}", _flip(share)
    yield "cut to its half", _cut(0.5)
    yield "emptied", _cut(0.0)
    yield "deleted", Path.unlink


DAMAGES = dict(_damages())


if __name__ == "__main__":
    main()
