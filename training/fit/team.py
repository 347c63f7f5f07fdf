"""The processes that train one network together, as ``torchrun`` or Ray Train starts them; most often there is one."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn

Value = TypeVar("Value")
LONGEST_WAIT = timedelta(hours=2)  # the others wait while the first packs pictures and validates


@dataclass(frozen=True)
class Team:
    """Who trains: `rank` of `ranks` processes; the first one alone writes files."""

    rank: int = 0
    ranks: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the run's files and validates."""
        return self.rank == 0

    def wrap(self, network: nn.Module, device: torch.device) -> nn.Module:
        """Return the network that averages gradients over the team; batch statistics are the team's on GPUs."""
        if self.ranks == 1:
            return network
        if device.type == "cuda":
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        devices = [device.index] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(network, device_ids=devices)

    def all_reduce(self, value: float, device: torch.device) -> float:
        """Return the sum of `value` over the team."""
        if self.ranks == 1:
            return value
        summed = torch.tensor([value], dtype=torch.float64, device=device)
        dist.all_reduce(summed)
        return float(summed.item())

    def share(self, count: int, device: torch.device) -> float:
        """Return what the mean loss of this rank's `count` pictures is multiplied with.

        Gradients are averaged over ranks, which may have one picture more or less: so the mean is that of all pictures.
        """
        return 1.0 if self.ranks == 1 else count * self.ranks / self.all_reduce(count, device)

    def broadcast(self, value: Value | None) -> Value:
        """Return on every rank what the first one passes in."""
        if self.ranks > 1:
            holder = [value]
            dist.broadcast_object_list(holder, src=0)
            value = holder[0]
        assert value is not None
        return value


def is_first_process() -> bool:
    """Return whether this process writes the run's files: of several that ``torchrun`` started, one does."""
    return os.environ.get("RANK", "0") == "0"


@contextlib.contextmanager
def joined_team(device: torch.device) -> Iterator[tuple[Team, torch.device]]:
    """Yield the team that ``torchrun`` or Ray Train made this process a part of, and its device; alone without them."""
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if ranks == 1:
        yield Team(), device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    is_ours = not dist.is_initialized()  # Ray Train has connected them already
    if is_ours:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=LONGEST_WAIT)
    try:
        yield Team(dist.get_rank(), ranks), device
    finally:
        if is_ours:
            dist.destroy_process_group()
