"""The epochs of a run: which is best, whether it is over, and what follows from them on disk."""

import json
from pathlib import Path

from core.files import atomic_file
from training.run.checkpoint import BEST_FILE, CHECKPOINTS, checkpoint_name
from training.run.runs import Row, write_epochs
from training.run.settings import TrainingSettings

BEST_BY = "val_map_macro"


def best_epoch(history: list[Row]) -> Row:
    """Return the line with the highest mAP on val, the first of equals; an undefined mAP is the lowest."""
    return max(history, key=lambda row: -1.0 if row[BEST_BY] is None else row[BEST_BY])


def is_over(settings: TrainingSettings, history: list[Row]) -> bool:
    """Return whether all epochs are done, or `patience` of them brought nothing better."""
    return len(history) >= settings.total_epochs or ran_out_of_patience(settings, history)


def ran_out_of_patience(settings: TrainingSettings, history: list[Row]) -> bool:
    """Return whether `patience` epochs brought nothing better."""
    if settings.patience is None or not history:
        return False
    return bool(len(history) - best_epoch(history)["epoch"] >= settings.patience)


def publish(run_folder: Path, history: list[Row], keep: str) -> None:
    """Write what follows from `history`: ``epochs.jsonl``, ``best.json``, and which checkpoints stay."""
    folder = run_folder / CHECKPOINTS
    if not history:
        return
    best = best_epoch(history)
    write_epochs(run_folder, history)
    with atomic_file(folder / BEST_FILE) as temporary:
        named = {"checkpoint": checkpoint_name(best["epoch"]), "metric": BEST_BY, "value": best[BEST_BY]}
        temporary.write_text(json.dumps(named, indent=2) + "\n", encoding="utf-8")
    if keep == "best_and_last":
        wanted = {checkpoint_name(best["epoch"]), checkpoint_name(history[-1]["epoch"])}
        for path in folder.glob("epoch_*.*"):
            if path.stem not in wanted:
                path.unlink()
