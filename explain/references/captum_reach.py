"""Which networks captum's methods reach: of others its maps would be other ones by construction."""

from collections import Counter

from torch import Tensor, nn

from explain.gradients.deeplift import BENDS
from explain.gradients.rules import CLAMPS, RECTIFIERS
from explain.references.reference import NoReferenceError
from explain.references.watched import watched


def rectifies_by_relu(model: nn.Module, image: Tensor) -> None:
    """Raise NoReferenceError unless rectifiers are modules that captum knows.

    Captum guides the modules that are nn.ReLU, and hands back the plain gradient of any other rectifier.
    """
    calls, _ = watched(model, image)
    others = {
        func.__name__ if leaf is None else type(leaf).__name__
        for func, leaf in calls
        if func in RECTIFIERS | CLAMPS and not isinstance(leaf, nn.ReLU)
    }
    if others:
        raise NoReferenceError(f"captum guides nn.ReLU alone; this network has {', '.join(sorted(others))}")


_DEEPLIFT_KNOWS = (nn.ReLU, nn.ELU, nn.LeakyReLU, nn.Sigmoid, nn.Tanh, nn.Softplus)


def deeplift_reaches(model: nn.Module, image: Tensor) -> None:
    """Raise NoReferenceError unless what is not linear is modules that captum has a rule for, each run once.

    With max pooling its maps do not add up, by its own convergence delta.
    """
    calls, runs = watched(model, image)
    unknown = {
        func.__name__ if leaf is None else type(leaf).__name__
        for func, leaf in calls
        if func in BENDS and not isinstance(leaf, _DEEPLIFT_KNOWS)
    }
    unknown |= {type(leaf).__name__ for leaf in runs if isinstance(leaf, nn.Softmax)}
    unknown |= {
        f"{type(leaf).__name__} used twice"
        for leaf, count in Counter(runs).items()
        if count > 1 and isinstance(leaf, _DEEPLIFT_KNOWS)
    }
    if unknown:
        raise NoReferenceError(f"captum's DeepLIFT does not know {', '.join(sorted(unknown))}, which this network has")


_LRP_KNOWS = (
    nn.Conv2d, nn.Linear, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.BatchNorm2d, nn.ReLU, nn.Tanh,
    nn.Dropout, nn.Flatten, nn.Identity,
)  # fmt: skip
_NO_STEP = frozenset({"__get__", "flatten", "view", "reshape", "size", "dim", "contiguous", "clone"})
"""Functions between modules that leave every value as it is."""


def is_a_chain(model: nn.Module, image: Tensor) -> None:
    """Raise NoReferenceError unless the network is modules that captum has a rule for, each run once.

    Its LRP is one rule a module: it misses what is computed between modules, or by one that runs twice.
    """
    calls, runs = watched(model, image)
    unknown = {type(leaf).__name__ for leaf in runs if not isinstance(leaf, _LRP_KNOWS)}
    unknown |= {func.__name__ for func, leaf in calls if leaf is None and func.__name__ not in _NO_STEP}
    unknown |= {f"{type(leaf).__name__} used twice" for leaf, count in Counter(runs).items() if count > 1}
    if unknown:
        raise NoReferenceError(f"captum's LRP does not know {', '.join(sorted(unknown))}, which this network has")
