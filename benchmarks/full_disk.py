"""Each command that writes, on a disk that fills: is it told in one sentence, and is all right once there is room?

    python benchmarks/full_disk.py                 # as root: it mounts a small disk in memory; some 10 CPU-minutes
    python benchmarks/full_disk.py --only export

A small dataset with a run and a study is copied to a disk of 96 MB, all but a little of it is filled, and a command is
run, in this process; then room is made and it is run again, without ``--force``. What comes of the first is one of
three: told in one sentence, done as if nothing was, or a Python error. The second must end well, with what the command
makes where there is room. It prints a table, the one of docs/reliability.md, and each fault.
"""

import argparse
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

FREE_KB = (0, 4, 16, 64, 256, 1024, 4096)
TIMES = {"seconds", "created", "time", "row", "file"}
RENDER = "parts: ['3001', '3795']\nbricks_max: 2\nimage_size_px: 48\nsamples: 1\npiles_per_shard: 2\n"
COMMANDS = (
    "render run {base}/render.yaml -o {out} --count 4 --workers 1",
    "train run {base}/train.yaml -d {root} -o {root}/runs/new --device cpu",
    "train predict {run} --split val",
    "train validate {run} -o {out}.html --device cpu",
    "explain run {run} --methods saliency,edges,lime --set lime.num_samples=50 --limit 4 --device cpu",
    "explain show {run} {image} -o {out}.html --device cpu",
    "explain show {run} {image} -o {out}.png --device cpu",
    "evaluate localize {run} --metrics pixel_ap,max_box_acc",
    "evaluate faithfulness {run} --metrics deletion --limit 3 --methods gradcam --device cpu",
    "evaluate focus {run} --mosaics 2 --methods gradcam --device cpu",
    "evaluate findings {run} -o {out}.html --settings {out}.yaml",
    "evaluate report {run} -o {out}.html --data {out}",
    "dataset index --rebuild {root}",
    "dataset split {root} --train 0.6 --val 0.3 --test 0.1",
    "dataset export {root} --format coco -o {out}",
    "dataset export {root} --format yolo -o {out}",
    "dataset export {root} --format webdataset -o {out}",
    "dataset export {root} --format parquet -o {out}",
    "dataset card {root} -o {out}",
    "dataset subset {root} SELECT+image_id+FROM+images -o {out} --copy",
    "dataset import {base}/photos -o {out} --keep-names",
    "study build {run} -o {out} --items 6 --participants 2 --methods gradcam,random --power-simulations 2",
    "study bundle {study} -o {out}.html",
    "study analyze {study} -o {out}.html --data {out}",
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="commands that have this")
    arguments = parser.parse_args()
    damages = runpy.run_path(str(Path(__file__).with_name("damages.py")))
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        disk = Path(scratch) / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "none", disk], check=True)
        try:
            base = damages["prepare"](Path(scratch) / "base")
            (base / "render.yaml").write_text(RENDER)
            for command in COMMANDS:
                if arguments.only in (None, command) or arguments.only in command:
                    told = len(faults)
                    counts = _tried(command, base, disk, damages["outcome_of"], faults)
                    cells = " | ".join(str(counts[outcome]) for outcome in ("told", "done", "fault"))
                    print(f"| {' '.join(command.split()[:2])} | {cells} |", flush=True)
                    print("\n".join(faults[told:]), file=sys.stderr, flush=True)
        finally:
            subprocess.run(["umount", "--lazy", disk], check=True)
    if faults:
        sys.exit(1)


def _tried(command: str, base: Path, disk: Path, outcome_of: Any, faults: list[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    whole: dict[str, Any] | None = None
    for free_kb in (None, *FREE_KB):
        now = disk / "now"
        shutil.rmtree(now, ignore_errors=True)
        shutil.copytree(base, now)
        image = min((now / "dataset/runs/toy/attributions").glob("gradcam*/*.parquet"))
        words = command.format(
            root=now / "dataset", run=now / "dataset/runs/toy", study=now / "study", out=now / "out", base=now,
            image=pq.read_table(image, columns=["image_id"])["image_id"][0].as_py(),
        )  # fmt: skip
        filler = disk / "filler"
        if free_kb is not None:
            filler.write_bytes(bytes(max(shutil.disk_usage(disk).free - free_kb * 1024, 0)))
        outcome, said = outcome_of(words, now)
        filler.unlink(missing_ok=True)
        if free_kb is None:
            if outcome != "done":
                sys.exit(f"{command} fails with room too:\n{said}")
            whole = _content(now)
            continue
        again, said_again = outcome_of(words, now) if outcome != "done" else ("done", "")
        fault = ""
        if outcome not in ("told", "done", "warned"):
            fault = said
        elif again not in ("done", "warned"):
            fault = f"run again with room: {said_again}"
        elif whole is not None and (differing := _differing(whole, _content(now))):
            fault = f"run again with room, {len(differing)} files differ: {differing[:5]}"
        counts["fault" if fault else outcome] += 1
        if fault:
            faults.append(f"{command}, {free_kb} kB free ({outcome}: {said.strip()[:300]}):\n{fault}")
        elif outcome == "told" and ("\n" in said.strip() or "Errno" in said):
            faults.append(f"{command}, {free_kb} kB free, is told so:\n{said}")
    return counts


def _content(now: Path) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for path in sorted(now.rglob("*")):
        name = str(path.relative_to(now))
        if not path.is_file() or "duckdb" in name or "/logs/" in name or "tfevents" in name:
            continue
        if path.suffix == ".parquet":
            table = pq.read_table(path, partitioning=None)
            made[name] = str(table.drop_columns([name for name in table.column_names if name in TIMES]).to_pydict())
        elif path.name != "resume.pt":
            made[name] = re.sub(rb'"(seconds|created)": [^,}\n]+', b"", path.read_bytes())
    return made


def _differing(whole: dict[str, Any], now: dict[str, Any]) -> list[str]:
    names = sorted({*whole, *now})
    return [name for name in names if whole.get(name) != now.get(name)]


if __name__ == "__main__":
    main()
