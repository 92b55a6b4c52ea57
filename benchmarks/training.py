"""How well and how fast the local recipe trains, beside a straight torch loop over the same network.

    python -m benchmarks.training DATA [--seeds 5] [--folds 5]

DATA is a folder with train/, test/, train.lst and test.lst. Each run is the ``train`` program in a process of its own,
as a training job runs it. The best epoch is chosen by the accuracy on the 200 test images, as on AWS: with
so few, that figure flatters. The folds tell what it would be without a choice: each image is judged once, by the last
epoch of a network that never saw it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Listed = list[tuple[int, Path]]
"""Labels and images."""

_PROGRAM = (sys.executable, "-m", "harness.algorithms.image_classification", "train", "--recipe", "fast")
_LOOP_EPOCHS = 10


@dataclass(frozen=True)
class Outcome:
    """One run of the program."""

    best: float
    last: float
    seconds: float
    images_a_second: float


def main() -> None:
    """Measure, print a table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    train, test = (read_list(arguments.data, name) for name in ("train", "test"))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    straight = [straight_loop(train) for _ in range(3)]
    print(f"straight torch loop: {statistics.median(straight):.0f} images/s", flush=True)
    runs = []
    for seed in range(arguments.seeds):
        runs.append(run(train, test, seed))
        print(f"seed {seed}: {runs[-1]}", flush=True)
    folds = []
    for number, (kept, held) in enumerate(split(train + test, arguments.folds)):
        folds.append(run(kept, held, number))
        print(f"fold {number}: {folds[-1]}", flush=True)
    figures = summarize(straight, runs, folds)
    for name, value in figures.items():
        print(f"{name:>40}  {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


def read_list(folder: Path, name: str) -> Listed:
    """Read the images of ``<name>.lst``, with their labels."""
    lines = (folder / f"{name}.lst").read_text().splitlines()
    rows = [line.split("\t") for line in lines]
    return [(int(float(row[1])), folder / name / row[2]) for row in rows]


def split(images: Listed, count: int) -> Iterator[tuple[Listed, Listed]]:
    """Each of *count* folds: what is trained on, and what is held back, both classes in equal shares."""
    ordered = sorted(images, key=lambda item: (item[0], item[1].name))
    for fold in range(count):
        yield [item for index, item in enumerate(ordered) if index % count != fold], ordered[fold::count]


def run(train: Listed, validation: Listed, seed: int) -> Outcome:
    """Train once."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for channel, images in (("train", train), ("validation", validation)):
            folder, manifest = root / "input/data" / channel, root / "input/data" / f"{channel}_lst"
            folder.mkdir(parents=True)
            manifest.mkdir()
            lines = []
            for index, (label, path) in enumerate(images):
                shutil.copy(path, folder / f"{index}{path.suffix}")
                lines.append(f"{index}\t{label}\t{index}{path.suffix}\n")
            (manifest / f"{channel}.lst").write_text("".join(lines))
        config = root / "input/config"
        config.mkdir()
        given = {"num_classes": "2", "num_training_samples": str(len(train)), "image_shape": "3,32,32"}
        (config / "hyperparameters.json").write_text(json.dumps(given))
        began = time.monotonic()
        command = [*_PROGRAM, "--root", str(root), "--seed", str(seed)]
        log = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        seconds = time.monotonic() - began
    accuracies = [float(text) for text in re.findall(r"Validation-accuracy=([0-9.]+)", log)]
    costs = [float(text) for text in re.findall(r"Time cost=([0-9.]+)", log)]
    steps = len(train) // 64
    return Outcome(max(accuracies), accuracies[-1], seconds, steps * 64 / statistics.median(costs))


def straight_loop(train: Listed) -> float:
    """Images a second of the plainest loop that trains the same network: no augmentation, no averaging, no metrics."""
    import numpy as np
    import torch
    from PIL import Image
    from torch.nn import functional

    stacked = np.stack([np.asarray(Image.open(path).convert("RGB")) for _, path in train])
    pixels = torch.from_numpy(stacked).permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
    labels = torch.tensor([label for label, _ in train])
    network = _resnet().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), 0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
    steps = len(train) // 64
    costs = []
    for _ in range(_LOOP_EPOCHS):
        order = torch.randperm(len(train))
        began = time.monotonic()
        for step in range(steps):
            chosen = order[step * 64 :][:64]
            loss = functional.cross_entropy(network(pixels[chosen]), labels[chosen], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        costs.append(time.monotonic() - began)
    return steps * 64 / statistics.median(costs)


def _resnet() -> Any:
    """Return the recipe's network, written down by hand."""
    from torch import Tensor, nn

    class Unit(nn.Module):  # type: ignore[misc]
        def __init__(self, before: int, width: int) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.BatchNorm2d(before), nn.BatchNorm2d(width)
            self.conv1 = nn.Conv2d(before, width, 3, 2, 1, bias=False)
            self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
            self.shortcut = nn.Conv2d(before, width, 1, 2, bias=False)

        def forward(self, data: Tensor) -> Tensor:
            active = self.norm1(data).relu()
            result: Tensor = self.conv2(self.norm2(self.conv1(active)).relu()) + self.shortcut(active)
            return result

    layers = [nn.BatchNorm2d(3), nn.Conv2d(3, 32, 3, 1, 1, bias=False), Unit(32, 32), Unit(32, 64), Unit(64, 128)]
    return nn.Sequential(
        *layers, nn.BatchNorm2d(128), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 2)
    )


def summarize(straight: Sequence[float], runs: Sequence[Outcome], folds: Sequence[Outcome]) -> dict[str, str]:
    """Put the figures in words."""
    best = [outcome.best for outcome in runs]
    ours, theirs = statistics.median(outcome.images_a_second for outcome in runs), statistics.median(straight)
    figures = {
        "best-epoch validation accuracy": f"mean {statistics.mean(best):.4f}, {min(best):.3f} to {max(best):.3f}, "
        f"standard deviation {statistics.pstdev(best):.4f}, {len(best)} seeds",
        "last epoch's": f"mean {statistics.mean(outcome.last for outcome in runs):.4f}",
        "seconds, whole program": f"median {statistics.median(outcome.seconds for outcome in runs):.1f}, "
        f"most {max(outcome.seconds for outcome in runs):.1f}",
        "images a second": f"{ours:.0f}; straight torch loop {theirs:.0f}; ratio {ours / theirs:.2f}",
    }
    if folds:
        last = [outcome.last for outcome in folds]
        figures["cross-validated, last epoch"] = (
            f"mean {statistics.mean(last):.4f}, {min(last):.3f} to {max(last):.3f}, {len(last)} folds of all images"
        )
    return figures


if __name__ == "__main__":
    main()
