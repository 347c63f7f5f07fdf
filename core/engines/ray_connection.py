"""The connection to a Ray cluster: quiet, and reporting nothing to anybody."""

import importlib
import importlib.util
import logging
import os
import signal
import threading
from typing import Any

from core.errors import BrickbenchError


def connected(address: str | None) -> Any:
    """Return the module ray, connected to the cluster; raises as `connect`."""
    connect(address)
    import ray

    return ray


def connect(address: str | None) -> Any:
    """Return what Ray says of the connection, which lasts as long as this process.

    Raises:
        BrickbenchError: Ray is not installed, or there is no cluster at the address.
    """
    if importlib.util.find_spec("ray") is None:
        raise BrickbenchError(
            "--engine ray needs the package ray, which is not installed: run `uv pip install 'ray[default,train]'` in "
            "the environment of Brickbench on every node, or leave out --engine."
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # as Ray will have it from its next version on
    import ray

    _keep_stdout_clean()
    kept = signal.getsignal(signal.SIGTERM)
    try:
        return ray.init(
            address=address,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            ignore_reinit_error=True,
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise BrickbenchError(_no_cluster(address, str(error).splitlines()[0])) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, kept)  # Ray takes it over


def _no_cluster(address: str | None, reason: str) -> str:
    place = address or os.environ.get("RAY_ADDRESS")
    if place:
        return (
            f"There is no Ray cluster at {place} ({reason}). Start one with `ray start --head`, or give --address "
            "local for one of this machine alone."
        )
    return (
        f"Ray remembers a cluster on this machine that does not answer ({reason}). Run `ray stop` if it is yours, or "
        "give --address local for a new one of this machine alone."
    )


def _keep_stdout_clean() -> None:
    """Send what Ray tells of dying workers to stderr: it prints that on stdout, which is for results such as JSON.

    Ray 2.60 has no public way: `log_to_driver` is about what workers print themselves.
    """
    private = importlib.import_module("ray._private.worker")
    tell = getattr(private, "print_to_stdstream", None)
    if tell is not None and not hasattr(tell, "to_stderr"):

        def tell_on_stderr(data: dict[str, Any], *arguments: Any, **options: Any) -> None:
            tell(data | {"is_err": True}, *arguments, **options)

        tell_on_stderr.to_stderr = True  # type: ignore[attr-defined]
        private.print_to_stdstream = tell_on_stderr  # type: ignore[attr-defined]
