"""Networks that have unlearned: layer after layer made new from the logits down, or trained on permuted labels."""

import copy
from pathlib import Path

import torch
from torch import nn

from core.progress import Progress
from dataset.loading.augment import PRESETS
from dataset.loading.loader import PictureLoader
from dataset.loading.randomness import DROPOUT, ORDER, WEIGHTS, seeded_torch, stream
from dataset.pile_dataset import PileDataset
from training.fit.learner import create_learner
from training.fit.team import Team
from training.network.models import create_model
from training.run.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.run.run import Run

PERMUTED = "permuted_labels"


class Unlearned:
    """Makes the networks that sanity checks need, once each."""

    def __init__(self, checkpoint: Checkpoint, run_folder: Path) -> None:
        """Take the network that was explained, and its run."""
        self._checkpoint, self._run_folder = checkpoint, run_folder
        self._made: dict[tuple[object, ...], list[nn.Module]] = {}

    def cascade(self, stages: int, seed: int) -> list[nn.Module]:
        """Return `stages` copies of the network, the top 1/stages, 2/stages … of whose layers are made new."""
        key = ("cascade", stages, seed)
        if key not in self._made:
            self._made[key] = cascade(self._checkpoint, stages, seed)
        return self._made[key]

    def permuted_labels(self, epochs: int, seed: int) -> nn.Module:
        """Return a network that learned permuted labels; it is kept in the run, and trained only if it is not there."""
        key = (PERMUTED, epochs, seed)
        if key not in self._made:
            folder = self._run_folder / PERMUTED / f"epochs_{epochs}-seed_{seed}"
            device = next(self._checkpoint.model.parameters()).device
            if not any(folder.glob("checkpoints/*.json")):
                train_on_permuted_labels(self._checkpoint, self._run_folder, folder, epochs, seed)
            self._made[key] = [load_checkpoint(folder, "last", device).model]
        return self._made[key][0]


def layers_from_the_top(model: nn.Module) -> list[str]:
    """Return the names of the modules that hold weights themselves, from the logits down to the pixels.

    The order is that in which the network's code defines them, backwards; bricknet and timm's networks define layers in
    the order in which they run.
    """
    holders = [name for name, module in model.named_modules() if any(True for _ in module.parameters(recurse=False))]
    return holders[::-1]


def cascade(checkpoint: Checkpoint, stages: int, seed: int) -> list[nn.Module]:
    """Return `stages` copies of a trained network, the top 1/stages, 2/stages … of whose layers are made new.

    The new weights are those with which a network begins its training. The last copy is all new.

    Source: Adebayo et al. 2018, Sanity checks for saliency maps, section 3: cascading randomisation, here in groups of
    layers.
    """
    with seeded_torch(seed, WEIGHTS):
        fresh = create_model(checkpoint.info.model, len(checkpoint.classes), **checkpoint.info.model_kwargs)
    return made_new(fresh, checkpoint.model, stages)


def made_new(fresh: nn.Module, trained: nn.Module, stages: int) -> list[nn.Module]:
    """Return `stages` copies of `trained`, the top 1/stages, 2/stages … of whose layers are those of `fresh`."""
    device = next(trained.parameters()).device
    fresh_weights, names = fresh.state_dict(), layers_from_the_top(fresh)
    networks = []
    for stage in range(1, stages + 1):
        replaced = set(names[: round(len(names) * stage / stages)])
        network = copy.deepcopy(fresh)
        network.load_state_dict(
            {
                key: fresh_weights[key] if key.rpartition(".")[0] in replaced else tensor
                for key, tensor in trained.state_dict().items()
            }
        )
        networks.append(network.to(device).eval())
    return networks


def train_on_permuted_labels(checkpoint: Checkpoint, run_folder: Path, out: Path, epochs: int, seed: int) -> float:
    """Train a network like `checkpoint` on labels of other pictures, save it in `out`, return its last mean loss.

    Pictures are those that the run learned from. Each gets the whole label vector of another one, so that classes stay
    as frequent as they are. The run's own settings hold but for augmentation: pictures come as they are, so that labels
    can be known by heart. It starts from untrained weights.

    Source: Adebayo et al. 2018, section 4.

    Raises:
        BrickbenchError: the dataset that the run learned from is gone.
    """
    plain = PRESETS["none"]
    run = Run.open(run_folder)
    settings = run.settings.model_copy(
        update={"augment_renders": plain, "augment_photos": plain, "stages": (), "epochs": epochs, "seed": seed}
    )
    pictures = PileDataset(run.own_dataset, "train", classes=checkpoint.classes, sources=settings.sources)
    pictures.targets = pictures.targets[stream(seed, ORDER, 0, 1).permutation(len(pictures))]
    with seeded_torch(seed, WEIGHTS):
        model = create_model(checkpoint.info.model, len(checkpoint.classes), **checkpoint.info.model_kwargs)
    device = next(checkpoint.model.parameters()).device
    learner = create_learner(model, settings, torch.from_numpy(pictures.targets), checkpoint.classes, device, Team())
    loader = PictureLoader(pictures, settings, checkpoint.mean, checkpoint.std, device=device)
    loss_sum = 0.0
    with Progress("Training on permuted labels", epochs * len(loader), "pictures") as progress:
        for epoch in range(1, epochs + 1):
            learner.network.train()
            loss_sum = 0.0
            with seeded_torch(seed, DROPOUT, epoch):
                for batch in loader.epoch(epoch):
                    loss = learner.loss_of(learner.network(batch.images).float(), batch.targets)
                    learner.optimizer.zero_grad()
                    loss.backward()  # type: ignore[no-untyped-call]
                    learner.optimizer.step()
                    loss_sum += loss.item() * len(batch.targets)
                    progress.advance(len(batch.targets), f"epoch {epoch}")
    save_checkpoint(out, model, checkpoint.info.model_copy(update={"epoch": epochs, "metrics": {}, "thresholds": None}))
    return loss_sum / len(loader)
