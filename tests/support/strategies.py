"""Flower strategies behind entry points, as an operator's package would bring them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flwr.app import ArrayRecord, MetricRecord
from flwr.serverapp.strategy import FedAdam, FedAvg, FedAvgM


def adam() -> FedAdam:
    """As in Reddi et al. (2021), with moments."""
    return FedAdam(eta=0.1, beta_1=0.9, beta_2=0.99, tau=1e-3)


def mean_with_momentum() -> FedAvgM:
    """Server momentum, kept in a list."""
    return FedAvgM(server_learning_rate=1.0, server_momentum=0.9)


class Odd(FedAvg):
    """Gives what ``gives`` says instead of weights."""

    gives: Any = None

    def aggregate_train(self, server_round: int, replies: Any) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Something else."""
        arrays, metrics = super().aggregate_train(server_round, replies)
        assert arrays is not None
        return self.gives(arrays), metrics


def install(folder: Path) -> None:
    """Write the metadata of a package with some strategies; the folder has to be on ``sys.path``."""
    info = folder / "some_strategies-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-strategies\nVersion: 1.0\n")
    names = {
        "mean": "flwr.serverapp.strategy:FedAvg",
        "median": "flwr.serverapp.strategy:FedMedian",
        "adam": f"{__name__}:adam",
        "momentum": f"{__name__}:mean_with_momentum",
        "number": "builtins:dict",
        "broken": "no_such_module:thing",
    }
    lines = "\n".join(f"{name} = {target}" for name, target in names.items())
    (info / "entry_points.txt").write_text(f"[hedgerow.strategies]\n{lines}\n")
