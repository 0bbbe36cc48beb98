"""What PyTorch answers."""

import math
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.optim import lr_scheduler

from pytorch_impl.data import make_batches
from pytorch_impl.model import build_model
from pytorch_impl.optimizer import make_optimizer
from pytorch_impl.techniques.accumulation import accumulate
from pytorch_impl.techniques.precision import scale_gradients, use_mixed_precision
from tests.support.differences.problem import (
    BATCH,
    CLASS_WEIGHTS,
    FACTORS,
    FEATURES,
    GRADIENTS,
    IMAGES,
    KERNEL,
    KINDS,
    LABELS,
    MANY,
    NORMAL,
    ROWS,
    STEP_SIZE,
    STEPS_BEFORE,
    ProcessIds,
    attempt,
    count_denormal,
    count_runs,
    describe_start,
    seeded_elsewhere,
)
from tests.support.differences.pytorch_traps import TRAPS

Answers = dict[str, object]

images, labels = torch.from_numpy(IMAGES), torch.from_numpy(LABELS)


def make_layer() -> nn.Linear:
    """A layer with the weights of the problem."""
    layer = nn.Linear(FEATURES, KINDS)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(KERNEL.T))
        layer.bias.zero_()
    return layer


def make_weight(start: float = 0.0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """A single weight that is learned."""
    return torch.full((1,), start, dtype=dtype, requires_grad=True)


def one_step(
    optimizer: type, gradient: float, dtype=torch.float64, start: float = 0.0, **settings: object
) -> float:
    """A weight after one step of an optimizer of that kind."""
    weight = make_weight(start, dtype)
    weight.grad = torch.full_like(weight, gradient)
    optimizer([weight], **settings).step()
    return weight.item()


def about_layers(answers: Answers) -> None:
    """Shapes, logits and initial weights."""
    layer = make_layer()
    answers["weight shape"] = list(layer.weight.shape)
    answers["logits"] = layer(images).tolist()

    torch.manual_seed(0)
    answers["initial weights"] = [
        describe_start(each.weight.detach().numpy(), each.bias.detach().numpy())
        for each in build_model((128, 64))
        if isinstance(each, nn.Linear)
    ]


def about_activations(answers: Answers) -> None:
    """What leaky ReLU and GELU make of -1 by default, in float64."""
    number = -torch.ones(1, dtype=torch.float64)
    makers = {
        "nn.LeakyReLU": nn.LeakyReLU(),
        "functional.leaky_relu": functional.leaky_relu,
        "nn.GELU": nn.GELU(),
        "functional.gelu": functional.gelu,
    }
    answers["activations of -1"] = {name: make(number).item() for name, make in makers.items()}


def about_optimizers(answers: Answers) -> None:
    """Defaults and single steps."""
    answers["adam epsilon"] = torch.optim.Adam([torch.zeros(1)]).defaults["eps"]
    answers["adam step"] = one_step(torch.optim.Adam, 1e-6, eps=1e-7)
    answers["adam float32 step"] = one_step(torch.optim.Adam, 1, torch.float32, eps=0)
    answers["adam float64 step"] = one_step(torch.optim.Adam, 1, eps=0)
    answers["adamw decay"] = torch.optim.AdamW([torch.zeros(1)]).defaults["weight_decay"]
    answers["adamw step"] = one_step(torch.optim.AdamW, 0, start=1.0)
    weight = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    weight.sum().backward()
    torch.optim.SGD([weight], lr=0.001).step()
    answers["sgd step"] = weight.item()


def about_losses(answers: Answers) -> None:
    """Values, shapes, gradients, and the order of their arguments."""
    logits = make_layer()(images).detach().requires_grad_()
    loss = functional.cross_entropy(logits, labels)
    answers["loss"] = loss.item()
    answers["loss shape"] = list(loss.shape)
    answers["loss gradient"] = torch.autograd.grad(loss, logits)[0].tolist()
    answers["swapped loss"] = attempt(lambda: functional.cross_entropy(labels, logits).item())
    halves, ones = torch.full((4,), 0.75), torch.ones(4)
    answers["binary loss"] = functional.binary_cross_entropy(halves, ones).item()
    answers["swapped binary loss"] = functional.binary_cross_entropy(ones, halves).item()


def about_an_epoch(answers: Answers) -> None:
    """Losses batch by batch, and at the end."""
    layer = make_layer()
    optimizer = torch.optim.SGD(layer.parameters(), lr=STEP_SIZE)
    answers["batch losses"] = []
    for rows in torch.arange(ROWS).split(BATCH):
        optimizer.zero_grad()
        loss = functional.cross_entropy(layer(images[rows]), labels[rows])
        loss.backward()
        optimizer.step()
        answers["batch losses"].append(loss.item())
    answers["loss at the end"] = functional.cross_entropy(layer(images), labels).item()


def about_loading(answers: Answers) -> None:
    """Order, random numbers and workers of a loader."""
    batches = make_batches(images, labels, np.arange(ROWS), BATCH)
    answers["workers and prefetched batches"] = [batches.num_workers, batches.prefetch_factor]

    torch.manual_seed(0)
    numbers = torch.utils.data.TensorDataset(torch.arange(MANY))
    loader = torch.utils.data.DataLoader(numbers, batch_size=MANY, shuffle=True)
    answers["order"] = next(iter(loader))[0].tolist()
    plain = torch.utils.data.DataLoader(numbers, batch_size=MANY)
    answers["order by default"] = next(iter(plain))[0].tolist()

    def stream_changed_by(loader: torch.utils.data.DataLoader) -> bool:
        before = torch.get_rng_state()
        next(iter(loader))
        return not torch.equal(before, torch.get_rng_state())

    loaders = plain, make_batches(images, labels, np.arange(ROWS), BATCH)
    answers["random numbers changed: by a loader, here"] = [*map(stream_changed_by, loaders)]
    sgd = torch.optim.SGD([torch.zeros(1)], 1.0)
    torch.optim.lr_scheduler.StepLR(sgd, 5)
    answers["state of an optimizer with a schedule"] = sorted(sgd.state_dict())


def about_dropout(answers: Answers) -> None:
    """In which mode it drops, and what its masks depend on."""
    dropout = nn.Dropout(0.5)
    answers["dropped on a plain call"] = int((dropout(torch.ones(MANY)) == 0).sum())
    answers["dropped after eval"] = int((dropout.eval()(torch.ones(MANY)) == 0).sum())
    masks = []
    for draws in (0, 0, 1):
        torch.manual_seed(0)
        torch.rand(draws)
        masks.append((functional.dropout(torch.ones(MANY)) != 0).int().tolist())
    answers["masks: first, again, after another draw"] = masks


def about_gradients(answers: Answers) -> None:
    """What is added up, and what is recorded."""
    layer = make_layer()
    gradients = []
    for _ in range(2):
        functional.cross_entropy(layer(images), labels).backward()
        gradients.append(layer.weight.grad.clone())
    answers["second gradient over first"] = (gradients[1] / gradients[0]).flatten().tolist()
    answers["recorded by default"] = layer(images).requires_grad
    with torch.inference_mode():
        answers["recorded in inference mode"] = layer(images).requires_grad


def counting(operations: list[int]) -> Callable:
    """A compiler's backend that notes each program's number of operations."""

    def count_operations(graph: torch.fx.GraphModule, inputs: object) -> Callable:
        operations.append(sum(node.op.startswith("call") for node in graph.graph.nodes))
        return graph.forward

    return count_operations


def about_compiled_steps(answers: Answers) -> None:
    """What ends a program, and what is unrolled."""
    answers["body runs in four calls"] = count_runs(lambda body: body, lambda function: function())

    def ends_a_program(function: Callable[[], object]) -> bool:
        try:
            torch.compile(function, backend="eager", fullgraph=True)()
        except torch._dynamo.exc.Unsupported:
            return True
        return False

    layer = make_layer()
    optimizer = torch.optim.Adam(layer.parameters())
    answers["optimizer.step ends a program"] = ends_a_program(lambda: optimizer.step())
    answers["backward ends a program"] = ends_a_program(lambda: layer(images).sum().backward())
    operations: list[int] = []
    backend = counting(operations)

    def learn(numbers: torch.Tensor, steps: int) -> torch.Tensor:
        for _ in range(steps):
            numbers = numbers - STEP_SIZE * numbers
        return numbers

    for steps in (1, 3):
        torch.compile(learn, backend=backend, dynamic=False)(images, steps)
    answers["operations of one step and of three"] = operations


def about_compiled_loops(answers: Answers) -> None:
    """A loop within one program."""

    # A loop may write to what lies outside only where nothing is recorded.
    @torch.no_grad()
    def learn_in_a_loop(number: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        losses = torch.zeros(3)

        def learn_once(step: torch.Tensor) -> tuple[torch.Tensor]:
            gradient, loss = torch.func.grad_and_value(lambda number: number**2 / 2)(number)
            number.sub_(STEP_SIZE * gradient)
            losses[step] = torch.sqrt(2 * loss)
            return (step + 1,)

        torch.while_loop(lambda step: (step < steps)[0], learn_once, (torch.tensor([0]),))
        return losses

    operations: list[int] = []
    program = torch.compile(learn_in_a_loop, backend=counting(operations), fullgraph=True)
    answers["losses of a program with a loop"] = program(
        torch.tensor(2.0), torch.tensor([3])
    ).tolist()
    program(torch.tensor(2.0), torch.tensor([1]))
    answers["programs for one step and for three"] = len(operations)


def about_numbers(answers: Answers) -> None:
    """Denormal ones, precisions, types and devices."""
    answers["denormal numbers"] = count_denormal(torch.full((MANY,), NORMAL) * STEP_SIZE)
    answers["denormal numbers can be flushed"] = torch.set_flush_denormal(True)
    answers["denormal numbers when flushed"] = count_denormal(
        torch.full((MANY,), NORMAL) * STEP_SIZE
    )
    torch.set_flush_denormal(False)

    answers["matmul precision"] = torch.get_float32_matmul_precision()
    answers["tf32 in convolutions"] = torch.backends.cudnn.allow_tf32
    answers["missing device"] = attempt(lambda: torch.ones(2, device="cuda:99").device.type)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        layer = make_layer()
        logits = layer(images)
        loss = functional.cross_entropy(logits, labels)
    answers["mixed: weights, logits, loss"] = [
        str(each.dtype).removeprefix("torch.") for each in (layer.weight, logits, loss)
    ]


def about_files(answers: Answers) -> None:
    """What is saved and what is loaded."""
    layer = make_layer()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.pt")
        torch.save(layer.state_dict(), path)
        answers["saved weights"] = sorted(torch.load(path))
        torch.save(layer, path)
        answers["saved module"] = attempt(lambda: type(torch.load(path)).__name__)


def about_settings(answers: Answers) -> None:
    """Types, seeds, and weights that come late."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answers["float64 images"] = attempt(lambda: str(make_layer()(images.double()).dtype))
    torch.set_default_dtype(torch.float64)
    answers["weights after float64 was set"] = str(nn.Linear(2, 2).weight.dtype)
    torch.set_default_dtype(torch.float32)

    answers["seeded elsewhere"] = seeded_elsewhere(torch.manual_seed)

    layer = make_layer()
    optimizer = make_optimizer(layer, 0.001, "exact")
    answers["optimizer state before a step"] = len(optimizer.state)
    late = make_layer()
    functional.cross_entropy(late(images), labels).backward()
    optimizer.step()
    answers["a weight the optimizer was not given"] = (
        "unchanged" if torch.equal(late.weight, make_layer().weight) else "changed"
    )
    answers["layer without its input size"] = attempt(lambda: nn.Linear(out_features=KINDS))


def about_batch_normalization(answers: Answers) -> None:
    """Its defaults, and what it keeps."""
    layer = nn.BatchNorm1d(FEATURES)
    layer(images)
    answers["batch norm: momentum, epsilon"] = [layer.momentum, layer.eps]
    answers["variance kept"] = layer.running_var.tolist()


def about_other_optimizers(answers: Answers) -> None:
    """RMSprop, Adagrad, decay and clipping."""
    weight = [torch.zeros(1)]
    defaults = torch.optim.RMSprop(weight).defaults
    answers["rmsprop: rate, rho, epsilon"] = [defaults[key] for key in ("lr", "alpha", "eps")]
    settings = {"lr": 1.0, "alpha": 0.99, "eps": 1e-8}
    answers["rmsprop step"] = one_step(torch.optim.RMSprop, 1e-4, **settings)
    defaults = torch.optim.Adagrad(weight).defaults
    names = "lr", "initial_accumulator_value", "eps"
    answers["adagrad: rate, start, epsilon"] = [defaults[key] for key in names]
    answers["adagrad step"] = one_step(torch.optim.Adagrad, 0.01, lr=1.0)
    answers["adagrad step from 0"] = one_step(torch.optim.Adagrad, 1e-4, lr=1.0, eps=1e-8)

    decay = {"start": 1.0, "lr": 0.5, "weight_decay": 0.01}
    answers["adam with decay"] = one_step(torch.optim.Adam, 0, **decay)
    answers["adamw with decay"] = one_step(torch.optim.AdamW, 0, **decay)

    weights = make_weight(), make_weight()
    for weight, gradient in zip(weights, GRADIENTS, strict=True):
        weight.grad = torch.full_like(weight, gradient)
    nn.utils.clip_grad_norm_(weights, 1.0)
    answers["clipped"] = [weight.grad.item() for weight in weights]


def about_accumulation(answers: Answers) -> None:
    """Two batches for an update."""
    weight = make_weight()
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scheduler = lr_scheduler.StepLR(optimizer, 1, 0.5)
    optimizer.register_step_post_hook(lambda *_: scheduler.step())
    optimizer = accumulate(optimizer, 2)
    for gradient in (*GRADIENTS, 0.0, 0.0):
        optimizer.zero_grad()
        (gradient * weight).backward()
        optimizer.step()
    answers["accumulated"] = weight.item()
    answers["rate after two updates of two batches"] = optimizer.param_groups[0]["lr"]


def about_schedules(answers: Answers) -> None:
    """The rate from step to step, and on a plateau."""
    weight = make_weight()
    optimizer = torch.optim.SGD([weight], lr=1.0, momentum=0.9)
    answers["momentum, the rate dropping"] = []
    for rate in (1.0, 0.1):
        optimizer.param_groups[0]["lr"] = rate
        weight.grad = torch.ones_like(weight)
        optimizer.step()
        answers["momentum, the rate dropping"].append(weight.item())
    optimizer = torch.optim.SGD([weight], lr=0.1)
    lr_scheduler.StepLR(optimizer, 1)
    answers["scheduled rate"] = optimizer.param_groups[0]["lr"]
    lr_scheduler.LinearLR(optimizer)
    answers["rate at the start of a warm-up"] = optimizer.param_groups[0]["lr"] / 0.1

    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, patience=2)
    settings = scheduler.threshold, scheduler.threshold_mode, scheduler.eps
    answers["plateau: threshold, least drop"] = settings
    optimizer.param_groups[0]["lr"] = 1.0
    answers["rates on a plateau"] = []
    for _ in range(5):
        scheduler.step(1.0)
        answers["rates on a plateau"].append(optimizer.param_groups[0]["lr"])


def about_other_losses(answers: Answers) -> None:
    """Smoothed and weighted."""
    logits = images @ torch.from_numpy(KERNEL)
    smoothed = functional.cross_entropy(logits, labels, label_smoothing=0.1)
    answers["smoothed loss"] = smoothed.item()
    answers["smoothed loss of integers"] = answers["smoothed loss"]
    weighted = functional.cross_entropy(logits, labels, torch.tensor(CLASS_WEIGHTS))
    answers["weighted loss"] = weighted.item()


def about_mixed_precision(answers: Answers) -> None:
    """Types of the layers."""
    model = nn.Sequential(nn.Linear(FEATURES, KINDS), nn.ReLU(), nn.Linear(KINDS, KINDS))
    use_mixed_precision(model, "bfloat16", torch.device("cpu"))
    hidden = model[0](images)
    answers["mixed here: hidden, logits"] = [
        str(each.dtype).removeprefix("torch.") for each in (hidden, model(images))
    ]


def about_scaling(answers: Answers) -> None:
    """Of gradients, step by step."""
    scaler = torch.amp.GradScaler("cpu")
    answers["loss scale: initial, growth interval"] = [
        scaler.get_scale(),
        scaler.get_growth_interval(),
    ]
    model = nn.Sequential(nn.Linear(FEATURES, KINDS))
    kernel = model[0].weight
    sgd = torch.optim.SGD(model.parameters(), 1.0, fused=True)
    hooked = []
    sgd.register_step_post_hook(lambda *_: hooked.append(1))
    scaler.scale(math.inf * model(images).sum()).backward()
    scaler.step(sgd)
    answers["hooks in a skipped step"] = [len(hooked)]
    optimizer = scale_gradients(model, sgd, torch.device("cpu"))
    state = optimizer.scaler.state_dict()
    optimizer.scaler.load_state_dict(state | {"_growth_tracker": STEPS_BEFORE})
    answers["scale, gradient"] = []
    for factor in FACTORS:
        before, hooked[:] = kernel.detach().clone(), []
        optimizer.zero_grad()
        (factor * model(images).sum()).backward()
        optimizer.step()
        gradient = (before - kernel)[0].tolist()
        answers["scale, gradient"].append([optimizer.scaler.get_scale(), gradient])
    answers["hooks in a skipped step"].append(len(hooked))


def about_workers(answers: Answers) -> None:
    """Processes that read for a loader."""
    loader = torch.utils.data.DataLoader(ProcessIds(), batch_size=2, num_workers=1)
    epochs = [{int(number) for batch in loader for number in batch} for _ in range(2)]
    answers["processes of two epochs"] = len(set.union(*epochs) - {os.getpid()})
    answers["prefetched batches of a worker"] = loader.prefetch_factor


PARTS = (
    about_layers,
    about_activations,
    about_optimizers,
    about_losses,
    about_an_epoch,
    about_loading,
    about_dropout,
    about_gradients,
    about_compiled_steps,
    about_compiled_loops,
    about_numbers,
    about_files,
    about_settings,
    about_batch_normalization,
    about_other_optimizers,
    about_accumulation,
    about_schedules,
    about_other_losses,
    about_mixed_precision,
    about_scaling,
    about_workers,
)


def answers() -> Answers:
    """All answers, by their names in the tests."""
    found: Answers = {}
    for part in (*PARTS, *TRAPS):
        part(found)
    return found
