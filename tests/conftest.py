"""Fixtures that several packages' tests share."""

import importlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import browser, open_tab  # noqa: F401 (fixtures)
from hypothesis import settings
from toy import make_toy_dataset

from core.engines.on_ray import RayEngine

TESTS = Path(__file__).parent

# The same cases each time, however busy the machine is; `pytest --hypothesis-profile explore` looks for new ones.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def make_toy() -> Callable[..., Path]:
    """Return ``make_toy_dataset(root, *, piles=40, size=64, seed=0)``."""
    return make_toy_dataset


@pytest.fixture(scope="session")
def toy_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of 40 toy piles that tests share: read it, never write into it."""
    return make_toy_dataset(tmp_path_factory.mktemp("toy") / "dataset")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset with a small trained run in ``runs/toy``: read it, never write into it.

    It takes a second to make, so that each of xdist's workers has its own.
    """
    from training.fit.loop import train
    from training.run.settings import TrainingSettings

    root = make_toy_dataset(tmp_path_factory.mktemp("trained") / "dataset", piles=30)
    settings = TrainingSettings(model_kwargs={"width": 0.05, "stem_stride": 2}, input_size_px=64, epochs=1)
    train(settings, root, root / "runs" / "toy", device="cpu")
    return root


@pytest.fixture
def own_trained(trained: Path, tmp_path: Path) -> Path:
    """Return a copy of `trained` to write into."""
    return Path(shutil.copytree(trained, tmp_path / "dataset"))


@contextmanager
def _started_cluster(request: pytest.FixtureRequest, *nodes_cpus: int) -> Iterator[Any]:
    """Start a Ray cluster of one node for each number of cores."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        # So that workers find what tests define, under either name that a test module may have.
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (request.path.parent, TESTS, TESTS.parent))))
        head = {"num_cpus": nodes_cpus[0], "include_dashboard": False}
        cluster: Any = Cluster(initialize_head=True, head_node_args=head)
        for cpus in nodes_cpus[1:]:
            cluster.add_node(num_cpus=cpus)
        yield cluster
        ray: Any = importlib.import_module("ray")
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Return a Ray cluster of two nodes of one core each, which the tests of a module share."""
    with _started_cluster(request, 1, 1) as cluster:
        yield cluster


@pytest.fixture
def on_one_node(request: pytest.FixtureRequest) -> Iterator[RayEngine]:
    """Return the engine on a Ray cluster of one node with one core, the quickest to start."""
    with _started_cluster(request, 1) as cluster:
        yield RayEngine(cluster.address)


@pytest.fixture(scope="module")
def on_two_nodes(cluster: Any) -> RayEngine:
    """Return the engine on `cluster`."""
    return RayEngine(cluster.address)
