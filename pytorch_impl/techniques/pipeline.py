"""The tutorials' input pipeline, which prepares one image at a time."""

from collections.abc import Callable, Iterator
from multiprocessing import get_start_method

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]

# Processes that prepare images while the model works on others.
WORKERS = 2


class SingleImages(Dataset):
    """One image [784] and its label at a time, as in torchvision's MNIST."""

    def __init__(
        self,
        pixels: np.ndarray,
        labels: np.ndarray,
        mean: float,
        deviation: float,
    ) -> None:
        self.pixels, self.labels = pixels.reshape(-1, 28, 28), labels
        steps = [
            transforms.ToTensor(),  # DIFF-49
            transforms.Normalize(mean, deviation),
            torch.flatten,
        ]
        self.prepare = transforms.Compose(steps)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        return self.prepare(Image.fromarray(self.pixels[row])), self.labels[
            row
        ]


def make_pipeline(
    pixels: np.ndarray,
    labels: np.ndarray,
    mean: float,
    deviation: float,
    device: torch.device,
) -> Callable[..., Batches]:
    """A function like `make_batches` that prepares each image every time.

    It uses only the order that it is passed, not the prepared images and
    labels.

    Args:
        pixels: [n, 784] uint8.
        labels: [n] int64.
        mean: of the pixels from 0 to 1; it is subtracted.
        deviation: the standard deviation, by which pixels are divided.
        device: where the batches go.
    """
    pinned = device.type == "cuda"
    rows: list = []
    loader = DataLoader(
        SingleImages(pixels, labels, mean, deviation),
        batch_sampler=rows,
        num_workers=WORKERS,
        pin_memory=pinned,
        # If they don't begin as copies of this process, they take seconds to
        # start.
        persistent_workers=get_start_method() != "fork",
        # Its workers' seeds must not be numbers that dropout draws.
        generator=torch.Generator(),
    )  # DIFF-39

    def make_batches(
        images: torch.Tensor,
        labels: torch.Tensor,
        order: np.ndarray,
        batch_size: int,
    ) -> Batches:
        rows[:] = np.split(order, range(batch_size, len(order), batch_size))
        for batch in loader:
            yield tuple(part.to(device, non_blocking=pinned) for part in batch)

    return make_batches
