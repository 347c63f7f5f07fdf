"""What runs in a worker process on Ray: it is set up once, then does item after item, and sends words of failures."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.engines.interface import GPU_VARIABLES, Setup, ready
from core.errors import BrickbenchError, SettingsError


@dataclass(frozen=True)
class Done:
    """What a worker sends of an item that ended well."""

    value: Any


@dataclass(frozen=True)
class Failed:
    """What a worker sends of one that did not: words, as not every exception survives the way."""

    text: str
    exit_code: int | None = None
    """Of a BrickbenchError: the user must mend something."""
    by_machine: bool = False
    """An OSError, as from a full disk: another node may well do the same item."""

    def as_error(self) -> BrickbenchError:
        """Return what the worker raised, as its kind."""
        return SettingsError(self.text) if self.exit_code == SettingsError.exit_code else BrickbenchError(self.text)


class Worker:
    """One worker: what Ray starts somewhere, and what keeps its process ready for the next item."""

    def __init__(self) -> None:
        """Hold what makes the process ready, for as long as it lives."""
        self._for_life = contextlib.ExitStack()
        self._do: Callable[[Callable[..., Any], Any], Any]

    def ready(self, folder: str, setup: Setup | None) -> str | Failed:
        """Return the id of the node when everything is set up; of the GPUs there it sees those that it was given."""
        import ray

        here = ray.get_runtime_context()
        if not here.get_accelerator_ids().get("GPU"):
            os.environ.update(dict.fromkeys(GPU_VARIABLES, ""))
        with contextlib.suppress(OSError):  # where relative paths are what they are for the driver
            os.chdir(folder)
        done = _attempt(lambda: self._for_life.enter_context(ready(setup)))
        if isinstance(done, Failed):
            return done
        self._do = done.value
        return str(here.get_node_id())

    def do(self, function: Callable[..., Any], item: Any) -> Done | Failed:
        """Return what became of one item."""
        return _attempt(lambda: self._do(function, item))


def _attempt(work: Callable[[], Any]) -> Done | Failed:
    try:
        return Done(work())
    except BrickbenchError as error:
        return Failed(str(error), error.exit_code)
    except Exception as error:  # noqa: BLE001  told to the driver, which tries again or reports it
        return Failed(f"{type(error).__name__}: {error}", by_machine=isinstance(error, OSError))
