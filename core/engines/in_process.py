"""The engine that is this process alone: no other is started, and what makes it ready is left again."""

from collections.abc import Callable, Iterator, Mapping

from core.engines.interface import Crew, Item, Outcome, Setup, Value, ready
from core.errors import BrickbenchError


class InProcessEngine:
    """This process."""

    is_here = True
    title = "this process"

    def crew(self, workers: int | None, items: int) -> Crew:
        """Return one worker, which keeps the threads that it has."""
        del workers, items
        return Crew(1, 0)

    def run(
        self,
        function: Callable[..., Value],
        items: Mapping[str, Item],
        *,
        workers: int = 1,
        setup: Setup | None = None,
        retries: int = 0,
    ) -> Iterator[Outcome[Value]]:
        """Yield the outcome of each item as `core.engine.run_items` says; here, one that failed would fail again."""
        del workers, retries
        with ready(setup) as do:
            for key, item in items.items():
                try:
                    outcome = Outcome(key, do(function, item), None, 1)
                except BrickbenchError:
                    raise
                except Exception as error:  # noqa: BLE001  reported, as by an engine of many processes
                    outcome = Outcome(key, None, f"{type(error).__name__}: {error}", 1)
                yield outcome
