"""A Ray cluster of two nodes."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.engines.on_ray import RayEngine


@pytest.fixture(scope="module")
def on_two_nodes() -> Iterator[RayEngine]:
    """Return the engine on two nodes of one core each, which the tests of a module share."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))  # so that workers find what tests define
        made: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        made.add_node(num_cpus=1)
        yield RayEngine(made.address)
        ray: Any = importlib.import_module("ray")
        ray.shutdown()
        made.shutdown()
