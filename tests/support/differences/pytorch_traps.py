"""What PyTorch answers where something silently differs that the twins do not stumble over."""

import warnings

import numpy as np
import torch
import torch._dynamo
from torch import nn
from torch.nn import functional
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader
from torchvision import transforms

from tests.support.differences.problem import (
    CLASS_WEIGHTS,
    DECAY,
    FEW,
    IMAGES,
    KERNEL,
    LABELS,
    MANY,
    NARROW,
    ROWS,
    TYPES,
    attempt,
)

Answers = dict[str, object]

images, labels = torch.from_numpy(IMAGES), torch.from_numpy(LABELS)
logits = torch.from_numpy(IMAGES @ KERNEL)


def about_compiled_dropout(answers: Answers) -> None:
    """How many places of two masks differ: eager and again, eager and compiled."""
    masks = []
    for draw in (functional.dropout, functional.dropout, torch.compile(functional.dropout)):
        torch.manual_seed(0)
        masks.append(draw(torch.ones(MANY)) > 0)
    answers["masks: again, compiled"] = [int((mask != masks[0]).sum()) for mask in masks[1:]]


def count_programs(function, calls: list[tuple], **settings: object) -> int:
    """How many graphs `torch.compile` makes of a function in these calls."""
    torch._dynamo.reset()
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph

    compiled = torch.compile(function, backend=backend, **settings)
    for arguments in calls:
        compiled(*arguments)
    return len(graphs)


def about_programs(answers: Answers) -> None:
    """How many a compiler makes of six Python numbers, and of a step of Adam's."""
    numbers = [(torch.ones(1), number) for number in range(2, 8)]
    answers["programs of six numbers: by default, dynamic=False, True"] = [
        count_programs(lambda x, k: x * k, numbers, dynamic=dynamic)
        for dynamic in (None, False, True)
    ]
    answers["programs of a step: by default, fused"] = []
    for fused in (None, True):
        layer = nn.Linear(2, 2)
        layer(torch.ones(1, 2)).sum().backward()
        optimizer = torch.optim.Adam(layer.parameters(), fused=fused)

        def step(x, layer=layer, optimizer=optimizer):
            outputs = layer(x)
            optimizer.step()
            return outputs

        answers["programs of a step: by default, fused"].append(
            count_programs(step, [(torch.ones(1, 2),)])
        )


def about_one_hot_labels(answers: Answers) -> None:
    """The weighted loss of one-hot labels, which are not divided by the weights."""
    vectors = functional.one_hot(labels, logits.shape[1]).float()
    weights = torch.tensor(CLASS_WEIGHTS)
    answers["weighted loss of one-hot labels"] = functional.cross_entropy(
        logits, vectors, weight=weights
    ).item()


def about_labels(answers: Answers) -> None:
    """Their type and their range, and integer images."""
    answers["loss by type of labels"] = {
        name: attempt(
            lambda name=name: functional.cross_entropy(
                logits, labels.to(getattr(torch, name))
            ).item()
        )
        for name in TYPES
    }
    answers["loss of a label out of range"] = {
        str(wrong): attempt(
            lambda wrong=wrong: functional.cross_entropy(
                logits[:2], torch.tensor([0, wrong])
            ).item()
        )
        for wrong in (3, -1, -100)
    }
    answers["loss of the first"] = functional.cross_entropy(logits[:1], torch.tensor([0])).item()
    layer = nn.Linear(images.shape[1], 1)
    answers["integer images"] = attempt(lambda: str(layer(images.long()).dtype))
    whole = np.full((2, 2), 255, "uint8")
    answers["largest pixel"] = transforms.ToTensor()(whole).max().item()


def about_defaults(answers: Answers) -> None:
    """What is taken if nothing is said."""
    weight = torch.zeros(1)
    answers["rate of SGD"] = torch.optim.SGD([weight]).defaults["lr"]
    answers["batch size"] = DataLoader(range(ROWS)).batch_size
    answers["epsilon of layer normalization"] = nn.LayerNorm(2).eps
    answers["narrow rows normalized"] = nn.LayerNorm(2)(torch.tensor(NARROW)).tolist()
    answers["deterministic by default"] = torch.are_deterministic_algorithms_enabled()
    places = (torch, torch.optim, lr_scheduler, torch.utils, nn)
    answers["early stopping"] = [
        name for place in places for name in dir(place) if "earlystop" in name.lower()
    ]


def about_penalties(answers: Answers) -> None:
    """What `weight_decay` adds to the gradient of a weight of 1, and to the loss."""
    weight = torch.ones(1, requires_grad=True)
    loss = (0 * weight).sum()
    loss.backward()
    torch.optim.SGD([weight], lr=1.0, weight_decay=DECAY).step()
    answers["penalty: gradient, loss"] = [1 - weight.item(), loss.item()]


def about_softmax(answers: Answers) -> None:
    """The loss of logits, and of their softmax."""
    probabilities = functional.softmax(logits, dim=1)
    answers["loss of logits and of softmax"] = [
        functional.cross_entropy(each, labels).item() for each in (logits, probabilities)
    ]


def about_shapes(answers: Answers) -> None:
    """Losses of [n, 1] against [n], all predicted right."""
    right = torch.tensor(FEW)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        answers["squared error of [n, 1]"] = functional.mse_loss(right[:, None], right).item()
    answers["warns of shapes"] = any("target size" in str(each.message) for each in said)
    zeros = torch.zeros(len(FEW))
    answers["binary loss of [n, 1]"] = attempt(
        lambda: functional.binary_cross_entropy(zeros[:, None], zeros).item()
    )


def about_batch_normalization(answers: Answers) -> None:
    """With one row, and frozen."""
    answers["one row in training"] = attempt(lambda: nn.BatchNorm1d(1)(torch.ones(1, 1)).tolist())
    layer = nn.BatchNorm1d(1).requires_grad_(False)
    rows = torch.tensor([[10.0], [30.0]])
    answers["frozen: outputs, mean kept"] = [layer(rows).tolist(), layer.running_mean.item()]


def about_cosine(answers: Answers) -> None:
    """Rates up to its end after two steps, and two steps on."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, 2)
    answers["cosine"] = []
    for _ in range(5):
        answers["cosine"].append(round(optimizer.param_groups[0]["lr"], 6))
        optimizer.step()
        scheduler.step()


TRAPS = (
    about_programs,
    about_one_hot_labels,
    about_compiled_dropout,
    about_labels,
    about_defaults,
    about_penalties,
    about_softmax,
    about_shapes,
    about_batch_normalization,
    about_cosine,
)
