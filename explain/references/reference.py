"""What a reference is: one library's raw maps of a picture, with the settings that a method has."""

import contextlib
import copy
import importlib
import importlib.metadata
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import BrickbenchError


class NoReferenceError(BrickbenchError):
    """The library does not know this method, or not for this network."""


@dataclass(frozen=True)
class Reference:
    """A library's way to the maps of one method."""

    library: str
    """The name it is installed by."""
    maps: Callable[[nn.Module, Any, Tensor, Sequence[int]], NDArray[Any]]
    """Takes a network of its own (`network_copy`), the method's resolved settings, an image (3, H, W) and the indices
    of K classes, one at least; returns raw maps (K, h, w), aligned with the method's: before the library's own
    rescaling, with the channels of pixels joined."""
    check: Callable[[nn.Module, Tensor], None] = lambda _model, _image: None
    """Raises NoReferenceError if the library's map of this network would be another one by construction."""

    @property
    def version(self) -> str:
        """Return such as ``captum 0.9.0``."""
        return f"{self.library} {importlib.metadata.version(self.library)}"


def load_reference(path: str | None) -> Reference:
    """Return the reference at `path`, ``module:name`` as a method's row has it; NoReferenceError if that is None."""
    if path is None:
        raise NoReferenceError("none of the libraries has it")
    module, _, name = path.partition(":")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lime imports what scikit-image has deprecated
        reference = getattr(importlib.import_module(module), name)
    assert isinstance(reference, Reference)
    return reference


def network_copy(model: nn.Module) -> nn.Module:
    """Return a copy of `model` for a library to hook into: in evaluation mode, without activations in place.

    Both captum and pytorch-grad-cam keep what a module gave, without a copy: an activation in place that follows would
    change it. captum's hooks on a module in place make torch refuse the backward pass.
    """
    own = copy.deepcopy(model).eval()
    for module in own.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]
    return own.requires_grad_(True)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Swallow the libraries' progress bars and warnings, which are not a user's to mend."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
