"""Who gets work on Ray, where one node refuses everything: against a stand-in for Ray, so that time plays no part."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from core.engines.on_ray import RayEngine
from core.engines.ray_fleet import EXCUSED, STRIKES
from core.engines.ray_worker import Done, Failed

REFUSED = Failed("OSError: the disk is full", by_machine=True)


@dataclass(eq=False)
class Reference:
    """An answer, which is there after so many looks."""

    value: Any
    looks: int = 0


@dataclass
class StandIn:
    """As much of Ray as the fleet uses: actors, in the order in which they are asked for, on these nodes."""

    nodes_of_actors: list[tuple[str, int]]
    """Node, and after how many looks an actor there is ready."""
    refusals: int = 0
    placed: Any = field(init=False)

    def __post_init__(self) -> None:
        self.placed = iter(self.nodes_of_actors)
        self.exceptions = SimpleNamespace(RayError=RuntimeError, ActorUnavailableError=RuntimeError)

    def remote(self, _: Any) -> Any:
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=self._actor))

    def _actor(self) -> Any:
        node, looks = next(self.placed)

        def do(function: Callable[[Any], Any], item: Any) -> Reference:
            self.refusals += node == "sick"
            return Reference(REFUSED if node == "sick" else Done(function(item)), 0 if node == "sick" else 5)

        ready = SimpleNamespace(remote=lambda *_: Reference(node, looks))
        return SimpleNamespace(ready=ready, do=SimpleNamespace(remote=do))

    def wait(self, references: list[Reference], timeout: float) -> tuple[list[Reference], list[Reference]]:
        assert timeout > 0
        for reference in references:
            reference.looks -= 1
        return [reference for reference in references if reference.looks < 0], []

    def get(self, reference: Reference) -> Any:
        return reference.value

    def kill(self, _: Any) -> None:
        """Nothing runs."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[StandIn], dict[str, Any]]:
    def answers(ray: StandIn) -> dict[str, Any]:
        monkeypatch.setattr("core.engines.on_ray.connected", lambda _: ray)
        outcomes = RayEngine().run(abs, {str(k): -k for k in range(6)}, workers=len(ray.nodes_of_actors))
        return {outcome.key: outcome for outcome in itertools.islice(outcomes, 100)}

    return answers


@pytest.mark.parametrize("looks", [0, 3, 40])
def test_a_node_that_refuses_all_costs_no_item_however_late_the_other_is(run: Any, looks: int) -> None:
    ray = StandIn([("sick", 0), ("well", looks)])
    outcomes = run(ray)
    assert {key: outcome.value for key, outcome in outcomes.items()} == {str(k): k for k in range(6)}
    assert ray.refusals <= STRIKES


def test_where_all_nodes_refuse_the_work_ends_with_their_reason(run: Any) -> None:
    outcomes = run(StandIn([("sick", 0)]))
    assert {outcome.error for outcome in outcomes.values()} == {REFUSED.text}
    assert {outcome.attempts for outcome in outcomes.values()} == {2 + EXCUSED}
