"""Versions of installed libraries, for what says how a result came about."""

from collections.abc import Sequence
from importlib import metadata


def installed_versions(names: Sequence[str]) -> dict[str, str]:
    """Return the versions of those of `names` that are installed."""
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # such as a checkout that is not installed, or another build of opencv
            continue
    return versions
