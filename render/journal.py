"""What a render tells those who watch: small files beside the shards that can be read while others write.

`logs/renders/` has one file for each process that directs a render, `logs/workers/` one for each worker, both replaced
whole; `logs/shards/` has the log of each shard. Nothing of it decides a picture, and all of it may be deleted.
"""

import json
import os
import socket
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from core.files import atomic_file
from dataset.shards import pile_shard, pile_shards

LOGS_FOLDER = "logs"
State = Literal["running", "done", "failed", "stopped"]
Share = tuple[int, int]
_AT_PILE = "at pile "
_BEGUN = "begun on "


@dataclass(frozen=True)
class Failure:
    """A shard that could not be made."""

    shard: int
    error: str
    attempts: int


@dataclass(frozen=True)
class SetAside:
    """A pile that could not be made; its shard is there without it."""

    pile: int
    reason: str


@dataclass(frozen=True)
class RunFacts:
    """A render as its directing process sees it."""

    share: Share
    piles: int
    """Piles of the whole dataset, with those of other shares."""
    shards: int
    piles_per_shard: int
    todo: int
    """Shards that its share lacked when it began."""
    engine: str
    workers: int
    host: str
    pid: int
    state: State = "running"
    failures: tuple[Failure, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    """Of this render and of those before it."""


@dataclass(frozen=True)
class WorkerFacts:
    """A worker as it sees itself."""

    share: Share
    host: str
    pid: int
    device: str
    shard: int | None = None
    """The shard it is on."""
    pile: int | None = None
    shards: int = 0
    """Shards that it made in this render."""
    piles: int = 0
    seconds: float = 0.0
    """Time that it spent on those piles."""
    silent_s: float = 0.0
    """Time since it last wrote, when its file is read."""


class RunJournal:
    """The file of a directing process; use it with ``with``."""

    def __init__(
        self, root: Path, share: Share, *, piles: int, piles_per_shard: int, todo: int, engine: str, workers: int
    ) -> None:
        """Clear away what an earlier render of this share told, or of a work that was divided otherwise."""
        self._root = root
        self._path = root / LOGS_FOLDER / "renders" / f"{_name(share)}.json"
        shards = -(-piles // piles_per_shard)
        place = socket.gethostname(), os.getpid()
        self.facts = RunFacts(share, piles, shards, piles_per_shard, todo, engine, workers, *place)
        made = set(pile_shards(root))
        before = {
            one.pile: one
            for run in read_runs(root)
            for one in run.set_aside
            if (run.share == share or run.share[1] != share[1]) and one.pile // piles_per_shard in made
        }  # those of shards that are gone are tried again
        self.facts = replace(self.facts, set_aside=tuple(before.values()))
        for old in (root / LOGS_FOLDER).glob("*/[0-9]*-of-*.json"):
            number, _, parts = old.stem.split("-")[:3]
            if int(parts) != share[1] or int(number) == share[0]:
                old.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        """Write that the render runs."""
        _write(self._path, self.facts)
        return self

    def set_aside(self, piles: Mapping[int, str]) -> None:
        """Write that some piles could not be made."""
        if piles:
            known = {one.pile: one for one in self.facts.set_aside}
            known |= {pile: SetAside(pile, reason) for pile, reason in piles.items()}
            self.facts = replace(self.facts, set_aside=tuple(known[pile] for pile in sorted(known)))
            _write(self._path, self.facts)

    def died_twice_at(self, shard: int) -> int | None:
        """Return the pile at which the last two workers on a shard died, None if they did not or at different ones.

        Only workers of this render count: a worker that was stopped with an earlier one looks like one that died.
        """
        deaths = _deaths(shard_log(self._root, shard))
        return deaths[-1] if len(deaths) > 1 and deaths[-1] == deaths[-2] else None

    def fail(self, shard: int, error: str, attempts: int) -> str:
        """Write that a shard failed, and return why: with the pile at which its worker died, if it did."""
        deaths = _deaths(shard_log(self._root, shard))
        pile = deaths[-1] if deaths else None
        reason = error if pile is None else f"{error} (it died at pile {pile})"
        self.facts = replace(self.facts, failures=(*self.facts.failures, Failure(shard, reason, attempts)))
        _write(self._path, self.facts)
        return reason

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Write how it ended."""
        state: State = "failed" if self.facts.failures or isinstance(error, Exception) else "done"
        if error is not None and not isinstance(error, Exception):
            state = "stopped"
        _write(self._path, replace(self.facts, state=state))


_STARTED = int(time.clock_gettime(time.CLOCK_REALTIME))
_me: dict[tuple[Path, Share], WorkerFacts] = {}


class ShardJournal:
    """A worker's account of one shard; use it with ``with``."""

    def __init__(self, root: Path, share: Share, shard: int, device: str, render: str) -> None:
        """Take the shard that is begun, the name of what renders it, and for which render (`this_render`)."""
        host, pid = socket.gethostname(), os.getpid()
        self._key = (root, share)
        self._before = _me.setdefault(self._key, WorkerFacts(share, host, pid, device))
        self._path = root / LOGS_FOLDER / "workers" / f"{_name(share)}-{host}-{pid}.json"
        self._render = render
        self._log, self._shard, self._piles = shard_log(root, shard), shard, 0
        self._log.parent.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        """Begin the log."""
        self._started = time.perf_counter()
        self._say(f"{_BEGUN}{self._before.device} for {self._render}")
        return self

    def begin_pile(self, pile: int) -> None:
        """Tell which pile comes now: if it ends the process, nobody else can."""
        self._say(f"{_AT_PILE}{pile}")
        _write(self._path, replace(self._so_far(), shard=self._shard, pile=pile))
        self._piles += 1

    def end_piles(self) -> None:
        """Tell that all piles are made: if the process ends now, it was none of them."""
        self._say("all piles made, writing their rows")

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Write how the shard ended, with the traceback of an error."""
        if error is not None:
            self._say("".join(traceback.format_exception(error)).rstrip())
            return
        _me[self._key] = replace(self._so_far(), shards=self._before.shards + 1)
        _write(self._path, _me[self._key])
        self._say(f"{self._piles} piles in {time.perf_counter() - self._started:.1f} s")

    def _so_far(self) -> WorkerFacts:
        seconds = self._before.seconds + time.perf_counter() - self._started
        return replace(self._before, piles=self._before.piles + self._piles, seconds=round(seconds, 3))

    def _say(self, words: str) -> None:
        line = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {self._before.host} {self._before.pid}: {words}\n"
        with self._log.open("a", encoding="utf-8") as file:
            file.write(line)


def shard_log(root: Path, shard: int) -> Path:
    """Return where the log of a shard is."""
    return root / LOGS_FOLDER / "shards" / f"{pile_shard(shard)}.log"


def read_runs(root: Path) -> list[RunFacts]:
    """Return what the renders of a dataset told, one a share."""
    runs = []
    for _, values in _read(root / LOGS_FOLDER / "renders"):
        lists = {
            "failures": tuple(Failure(**failure) for failure in values.pop("failures")),
            "set_aside": tuple(SetAside(**pile) for pile in values.pop("set_aside", [])),
        }
        runs.append(RunFacts(**values | lists | {"share": tuple(values["share"])}))
    return runs


def read_workers(root: Path) -> list[WorkerFacts]:
    """Return what the workers of the latest render of each share told."""
    now = time.clock_gettime(time.CLOCK_REALTIME)  # what is shown, not what is made
    return [
        WorkerFacts(**values | {"share": tuple(values["share"]), "silent_s": max(now - written, 0.0)})
        for written, values in _read(root / LOGS_FOLDER / "workers")
    ]


def furthest(workers: Iterable[WorkerFacts]) -> dict[int, WorkerFacts]:
    """Return the worker on each shard: the one that is further, where a slow worker's is begun a second time."""
    return {worker.shard: worker for worker in sorted(workers, key=_place) if worker.shard is not None}


def _place(worker: WorkerFacts) -> int:
    return -1 if worker.pile is None else worker.pile


def _read(folder: Path) -> Iterator[tuple[float, dict[str, Any]]]:
    for path in sorted(folder.glob("[0-9]*.json")):
        try:
            yield path.stat().st_mtime, json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:  # a new render cleared it away
            continue


def _write(path: Path, facts: RunFacts | WorkerFacts) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(asdict(facts)), encoding="utf-8")


def _name(share: Share) -> str:
    return f"{share[0]}-of-{share[1]}"


def this_render() -> str:
    """Return the name of the render that this process directs, in the logs of shards."""
    return f"{socket.gethostname()}-{os.getpid()}-{_STARTED}"  # in containers the numbers of processes come again


def _deaths(log: Path) -> list[int | None]:
    """Return for each worker of this render on a shard the pile at which it died, None if it could say how it ended.

    The one that writes now, if any, counts as dead: ask when it is known to be gone.
    """
    deaths: list[int | None] = []
    counts = False
    for line in log.read_text(encoding="utf-8").splitlines() if log.is_file() else ():
        _, _, words = line.partition(": ")
        if words.startswith(_BEGUN):
            counts = words.endswith(f" for {this_render()}")
            deaths += [None] if counts else []
        elif counts:
            deaths[-1] = int(words.removeprefix(_AT_PILE)) if words.startswith(_AT_PILE) else None
    return deaths
