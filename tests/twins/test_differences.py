"""Every difference in docs/DIFFERENCES.md is marked in the code, and is as that page says.

Each framework is asked in a process of its own, once: `python -m tests.twins.test_differences
torch` prints its answers as JSON, and so does `python -m tests.twins.test_differences tensorflow`.
"""

import ast
import json
import math
import os
import random
import re
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import psutil
import pytest

from shared.config import (
    ADAGRAD_EPSILON,
    ADAM_EPSILON,
    BATCH_NORM_EPSILON,
    BATCH_NORM_MOMENTUM,
    INITIAL_SCALE,
    RMSPROP_EPSILON,
    RMSPROP_RHO,
    WEIGHT_DECAY,
    TrainConfig,
    prepare_environment,
)
from shared.metrics import epoch_mean
from tests.support.commands import ROOT, run_command

LEDGER = ROOT / "docs" / "DIFFERENCES.md"
TWINS = ("pytorch_impl", "tensorflow_impl")
UNUSED = "## Not used in this code"
LINES = ("PyTorch", "Keras", "Here", "How much", "Pinned by")

# A small problem for both frameworks: ten rows in batches of 4, 4 and 2.
RANDOM = np.random.default_rng(0)
ROWS, FEATURES, KINDS, BATCH = 10, 6, 3, 4
IMAGES = RANDOM.normal(size=(ROWS, FEATURES)).astype("float32")
LABELS = RANDOM.integers(0, KINDS, ROWS)
KERNEL = RANDOM.normal(size=(FEATURES, KINDS)).astype("float32")
STEP_SIZE = 0.5
CLASS_WEIGHTS = (1.0, 2.0, 4.0)
# Of two weights, or of two batches.
GRADIENTS = (3.0, 4.0)

# What losses are multiplied by in steps with a loss scale, and how many such steps came before.
FACTORS, STEPS_BEFORE = (1.0, 0.5, math.inf), 1998

# The smallest number that a float32 holds with all its digits; half of it is denormal.
NORMAL = float(np.finfo("float32").smallest_normal)

# For what depends on chance: enough numbers that the odds of a false alarm are below 1e-9.
MANY = 1000


# The ledger and the marks.


def sections() -> dict[int, str]:
    """The text of each row of the ledger, by number."""
    parts = re.split(r"^## DIFF-(\d+): ", LEDGER.read_text(), flags=re.MULTILINE)
    numbers = [int(number) for number in parts[1::2]]
    assert len(set(numbers)) == len(numbers), "a number is used twice"
    texts = (re.split(r"^## ", text, flags=re.MULTILINE)[0] for text in parts[2::2])
    return dict(zip(numbers, texts, strict=True))


def unused_rows() -> set[int]:
    """The numbers of the rows under the heading of those that this code does not use."""
    _, _, behind = LEDGER.read_text().partition(f"\n{UNUSED}\n")
    return {int(number) for number in re.findall(r"^## DIFF-(\d+): ", behind, re.MULTILINE)}


def marks() -> Iterator[tuple[int, str]]:
    """Number and place of every mark in the twins."""
    for twin in TWINS:
        for path in sorted((ROOT / twin).rglob("*.py")):
            for line, text in enumerate(path.read_text().splitlines(), start=1):
                for number in re.findall(r"# DIFF-(\d+)\b", text):
                    yield int(number), f"{twin}/{path.name}:{line}"


def test_every_mark_has_a_row():
    known = set(sections())
    assert [place for number, place in marks() if number not in known] == []


def test_every_used_row_has_a_mark_and_no_other_has():
    marked = {number for number, _ in marks()}
    unused = unused_rows()
    assert unused, "the heading is missing"
    assert set(sections()) - unused - marked == set(), "rows without a mark in the code"
    assert unused & marked == set(), "these are used after all"


def test_every_row_has_all_its_lines():
    for number, text in sections().items():
        found = re.findall(r"^- \*\*(.+?):\*\* \S", text, re.MULTILINE)
        assert found == list(LINES), f"DIFF-{number}"


def test_index_links_to_every_row():
    page = LEDGER.read_text()
    titles = re.findall(r"^## (DIFF-\d+: .+)$", page, re.MULTILINE)
    rows = re.findall(r"^\| \[(DIFF-\d+)\]\(#(.+?)\) \|", page, re.MULTILINE)
    expected = {(title.partition(":")[0], anchor(title)) for title in titles}
    assert set(rows) == expected
    assert len(rows) == len(titles)


def test_every_link_within_the_page_leads_somewhere():
    page = LEDGER.read_text()
    anchors = {anchor(title) for title in re.findall(r"^#+ (.+)$", page, re.MULTILINE)}
    assert set(re.findall(r"\]\(#(.+?)\)", page)) <= anchors


def anchor(title: str) -> str:
    """What a heading's link is called: lower case, hyphens for spaces, no punctuation."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_every_pinning_test_exists():
    for number, text in sections().items():
        pinned = text.partition("**Pinned by:**")[2]
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", pinned)
        assert named, f"DIFF-{number} names no test"
        for path, name in named:
            body = ast.parse((ROOT / path).read_text()).body
            functions = {node.name for node in body if isinstance(node, ast.FunctionDef)}
            assert name in functions, f"DIFF-{number}: {path}::{name}"


# What PyTorch answers.


def torch_answers() -> dict[str, object]:
    """Ask PyTorch, in this process."""
    import torch
    from torch import nn
    from torch.nn import functional

    from pytorch_impl.data import make_batches
    from pytorch_impl.model import build_model
    from pytorch_impl.optimizer import make_optimizer

    answers: dict[str, object] = {}
    images, labels = torch.from_numpy(IMAGES), torch.from_numpy(LABELS)
    batches = make_batches(images, labels, np.arange(ROWS), BATCH)
    answers["workers and prefetched batches"] = [batches.num_workers, batches.prefetch_factor]

    def make_layer():
        layer = nn.Linear(FEATURES, KINDS)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(KERNEL.T))
            layer.bias.zero_()
        return layer

    def one_step(optimizer, gradient, dtype=torch.float64, start=0.0, **settings):
        weight = torch.full((1,), start, dtype=dtype, requires_grad=True)
        weight.grad = torch.full_like(weight, gradient)
        optimizer([weight], **settings).step()
        return weight.item()

    layer = make_layer()
    answers["weight shape"] = list(layer.weight.shape)
    answers["logits"] = layer(images).tolist()

    torch.manual_seed(0)
    answers["initial weights"] = [
        describe_start(each.weight.detach().numpy(), each.bias.detach().numpy())
        for each in build_model((128, 64))
        if isinstance(each, nn.Linear)
    ]

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

    logits = make_layer()(images).detach().requires_grad_()
    loss = functional.cross_entropy(logits, labels)
    answers["loss"] = loss.item()
    answers["loss shape"] = list(loss.shape)
    answers["loss gradient"] = torch.autograd.grad(loss, logits)[0].tolist()
    answers["swapped loss"] = attempt(lambda: functional.cross_entropy(labels, logits).item())
    halves, ones = torch.full((4,), 0.75), torch.ones(4)
    answers["binary loss"] = functional.binary_cross_entropy(halves, ones).item()
    answers["swapped binary loss"] = functional.binary_cross_entropy(ones, halves).item()

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

    dropout = nn.Dropout(0.5)
    answers["dropped on a plain call"] = int((dropout(torch.ones(MANY)) == 0).sum())
    answers["dropped after eval"] = int((dropout.eval()(torch.ones(MANY)) == 0).sum())
    masks = []
    for draws in (0, 0, 1):
        torch.manual_seed(0)
        torch.rand(draws)
        masks.append((functional.dropout(torch.ones(MANY)) != 0).int().tolist())
    answers["masks: first, again, after another draw"] = masks

    layer = make_layer()
    gradients = []
    for _ in range(2):
        functional.cross_entropy(layer(images), labels).backward()
        gradients.append(layer.weight.grad.clone())
    answers["second gradient over first"] = (gradients[1] / gradients[0]).flatten().tolist()
    answers["recorded by default"] = layer(images).requires_grad
    with torch.inference_mode():
        answers["recorded in inference mode"] = layer(images).requires_grad

    answers["body runs in four calls"] = count_runs(lambda body: body, lambda function: function())

    def ends_a_program(function: Callable[[], object]) -> bool:
        try:
            torch.compile(function, backend="eager", fullgraph=True)()
        except torch._dynamo.exc.Unsupported:
            return True
        return False

    optimizer = torch.optim.Adam(layer.parameters())
    answers["optimizer.step ends a program"] = ends_a_program(lambda: optimizer.step())
    answers["backward ends a program"] = ends_a_program(lambda: layer(images).sum().backward())
    operations = []

    def count_operations(graph: torch.fx.GraphModule, inputs: object) -> Callable:
        operations.append(sum(node.op.startswith("call") for node in graph.graph.nodes))
        return graph.forward

    def learn(numbers: torch.Tensor, steps: int) -> torch.Tensor:
        for _ in range(steps):
            numbers = numbers - STEP_SIZE * numbers
        return numbers

    for steps in (1, 3):
        torch.compile(learn, backend=count_operations, dynamic=False)(images, steps)
    answers["operations of one step and of three"] = list(operations)

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

    operations.clear()
    program = torch.compile(learn_in_a_loop, backend=count_operations, fullgraph=True)
    answers["losses of a program with a loop"] = program(
        torch.tensor(2.0), torch.tensor([3])
    ).tolist()
    program(torch.tensor(2.0), torch.tensor([1]))
    answers["programs for one step and for three"] = len(operations)

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
        logits = make_layer()(images)
        loss = functional.cross_entropy(logits, labels)
    answers["mixed: weights, logits, loss"] = [
        str(each.dtype).removeprefix("torch.") for each in (layer.weight, logits, loss)
    ]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.pt")
        torch.save(layer.state_dict(), path)
        answers["saved weights"] = sorted(torch.load(path))
        torch.save(layer, path)
        answers["saved module"] = attempt(lambda: type(torch.load(path)).__name__)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answers["float64 images"] = attempt(lambda: str(make_layer()(images.double()).dtype))
    torch.set_default_dtype(torch.float64)
    answers["weights after float64 was set"] = str(nn.Linear(2, 2).weight.dtype)
    torch.set_default_dtype(torch.float32)

    answers["seeded elsewhere"] = seeded_elsewhere(torch.manual_seed)

    layer = make_layer()
    optimizer = make_optimizer(layer, TrainConfig(), steps=3)
    answers["optimizer state before a step"] = len(optimizer.state)
    late = make_layer()
    functional.cross_entropy(late(images), labels).backward()
    optimizer.step()
    answers["a weight the optimizer was not given"] = (
        "unchanged" if torch.equal(late.weight, make_layer().weight) else "changed"
    )
    answers["layer without its input size"] = attempt(lambda: nn.Linear(out_features=KINDS))
    return answers


def torch_technique_answers() -> dict[str, object]:
    """Ask PyTorch about the training techniques, in this process."""
    import torch
    from torch import nn
    from torch.nn import functional
    from torch.optim import lr_scheduler

    from pytorch_impl.techniques.accumulation import accumulate
    from pytorch_impl.techniques.precision import scale_gradients, use_mixed_precision

    answers: dict[str, object] = {}
    images, labels = torch.from_numpy(IMAGES), torch.from_numpy(LABELS)

    def make_weight(start=0.0):
        return torch.tensor([start], dtype=torch.float64, requires_grad=True)

    def one_step(make, gradient, start=0.0, **settings):
        weight = make_weight(start)
        weight.grad = torch.full_like(weight, gradient)
        make([weight], **settings).step()
        return weight.item()

    layer = nn.BatchNorm1d(FEATURES)
    layer(images)
    answers["batch norm: momentum, epsilon"] = [layer.momentum, layer.eps]
    answers["variance kept"] = layer.running_var.tolist()

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

    logits = images @ torch.from_numpy(KERNEL)
    smoothed = functional.cross_entropy(logits, labels, label_smoothing=0.1)
    answers["smoothed loss"] = smoothed.item()
    answers["smoothed loss of integers"] = answers["smoothed loss"]
    weighted = functional.cross_entropy(logits, labels, torch.tensor(CLASS_WEIGHTS))
    answers["weighted loss"] = weighted.item()

    model = nn.Sequential(nn.Linear(FEATURES, KINDS), nn.ReLU(), nn.Linear(KINDS, KINDS))
    device = torch.device("cpu")
    use_mixed_precision(model, "bfloat16", device)
    hidden = model[0](images)
    answers["mixed here: hidden, logits"] = [
        str(each.dtype).removeprefix("torch.") for each in (hidden, model(images))
    ]

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
    optimizer = scale_gradients(model, sgd, device)
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

    loader = torch.utils.data.DataLoader(ProcessIds(), batch_size=2, num_workers=1)
    epochs = [{int(number) for batch in loader for number in batch} for _ in range(2)]
    answers["processes of two epochs"] = len(set.union(*epochs) - {os.getpid()})
    answers["prefetched batches of a worker"] = loader.prefetch_factor
    return answers


# What TensorFlow and Keras answer.


def tensorflow_answers() -> dict[str, object]:
    """Ask TensorFlow and Keras, in this process."""
    import keras
    import tensorflow as tf
    from keras import layers
    from keras.losses import binary_crossentropy, sparse_categorical_crossentropy

    from tensorflow_impl.data import make_batches
    from tensorflow_impl.device import choose_device
    from tensorflow_impl.model import build_model

    answers: dict[str, object] = {}

    # First, because the first layer that is made settles the policy.
    keras.config.set_floatx("float64")
    answers["rate with floatx float64"] = float(keras.optimizers.SGD(0.001).learning_rate)
    weight = keras.Variable([0.0], dtype="float64")
    keras.optimizers.Adam(epsilon=0).apply([tf.ones(1, "float64")], [weight])
    answers["adam float64 step"] = float(weight.numpy()[0])
    keras.config.set_floatx("float32")
    answers["layer at first"] = layers.Dense(1).dtype_policy.name
    keras.config.set_floatx("float64")
    answers["layer after floatx alone"] = layers.Dense(1).dtype_policy.name
    keras.config.set_dtype_policy("float64")
    answers["layer after floatx and policy"] = layers.Dense(1).dtype_policy.name
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")

    images, labels = tf.constant(IMAGES), tf.constant(LABELS)

    def make_model():
        model = keras.Sequential([keras.Input((FEATURES,)), layers.Dense(KINDS)])
        model.layers[0].kernel.assign(KERNEL)
        return model

    def one_step(optimizer, gradient, dtype="float64", start=0.0):
        weight = keras.Variable([start], dtype=dtype)
        optimizer.apply([tf.constant([gradient], dtype)], [weight])
        return float(weight.numpy()[0])

    model = make_model()
    answers["weight shape"] = list(model.layers[0].kernel.shape)
    answers["logits"] = model(images).numpy().tolist()

    keras.utils.set_random_seed(0)
    answers["initial weights"] = [
        describe_start(layer.kernel.numpy(), layer.bias.numpy())
        for layer in build_model((128, 64)).layers
        if isinstance(layer, layers.Dense)
    ]

    adam, adamw = keras.optimizers.Adam, keras.optimizers.AdamW
    answers["adam epsilon"] = adam().epsilon
    answers["adam step"] = one_step(adam(epsilon=1e-7), 1e-6)
    answers["adam float32 step"] = one_step(adam(epsilon=0), 1, "float32")
    answers["adamw decay"] = adamw().weight_decay
    answers["adamw step"] = one_step(adamw(), 0, start=1.0)
    answers["sgd step"] = one_step(keras.optimizers.SGD(0.001), 1)

    with tf.GradientTape(persistent=True) as tape:
        logits = model(images)
        tape.watch(logits)
        losses = sparse_categorical_crossentropy(labels, logits, from_logits=True)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    answers["loss"] = float(loss)
    answers["loss shape"] = list(losses.shape)
    answers["loss gradient"] = tape.gradient(losses, logits).numpy().tolist()
    answers["swapped loss"] = attempt(
        lambda: float(tf.reduce_sum(sparse_categorical_crossentropy(logits, labels, True)))
    )
    halves, ones = tf.fill((4,), 0.75), tf.ones(4)
    answers["binary loss"] = float(binary_crossentropy(ones, halves))
    answers["swapped binary loss"] = float(binary_crossentropy(halves, ones))

    model = make_model()
    answers["jit"] = []
    physical = tf.config.list_physical_devices()
    gpu = mock.Mock(device_type="GPU")
    determinism = "tensorflow.python.framework.config.is_op_determinism_enabled"
    for devices, deterministic in ((physical, False), ([*physical, gpu], False), ([gpu], True)):
        with (
            mock.patch.object(tf.config, "list_physical_devices", return_value=devices),
            mock.patch(determinism, return_value=deterministic),
        ):
            model.compile(loss="mse")
            answers["jit"].append(model.jit_compile)

    model.compile(
        keras.optimizers.SGD(STEP_SIZE),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    history = model.fit(images, labels, BATCH, shuffle=False, verbose=0).history
    answers["reported loss"] = history["loss"][0]
    answers["loss at the end"] = model.evaluate(images, labels, verbose=0)

    tf.random.set_seed(0)
    numbers = tf.data.Dataset.range(MANY)
    answers["order"] = [int(number) for number in numbers.shuffle(10)]

    # With the weight kept at 1, the loss says which rows it was measured on.
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    rows = np.arange(ROWS, dtype="float32")[:, None]
    history = model.fit(rows, 0 * rows, validation_split=0.2, shuffle=True, verbose=0).history
    answers["validation loss"] = history["val_loss"][0]

    dropout = layers.Dropout(0.5)
    answers["dropped on a plain call"] = int(tf.reduce_sum(1 - tf.sign(dropout(tf.ones(MANY)))))
    masks = []
    for draws in (0, 0, 1):
        keras.utils.set_random_seed(0)
        dropout = layers.Dropout(0.5)
        tf.random.uniform([draws])
        masks.append(tf.sign(dropout(tf.ones(MANY), training=True)).numpy().tolist())
    answers["masks: first, again, after another draw"] = masks
    counts = []
    for _ in range(3):
        counts.append(dropout.seed_generator.state.numpy().tolist())
        dropout(tf.ones(MANY), training=True)
    answers["what dropout remembers"] = counts
    accumulating = keras.optimizers.SGD(gradient_accumulation_steps=2)
    accumulating.build([keras.Variable(np.zeros(shape)) for shape in (3, 4)])
    answers["variables of an accumulating optimizer"] = len(accumulating.variables)

    model = make_model()
    gradients = []
    for _ in range(2):
        with tf.GradientTape() as tape:
            losses = sparse_categorical_crossentropy(labels, model(images), from_logits=True)
        gradients.append(tape.gradient(losses, model.layers[0].kernel))
    answers["second gradient over first"] = (gradients[1] / gradients[0]).numpy().ravel().tolist()
    outside = model(images)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(outside)
    answers["gradient of what was computed outside"] = tape.gradient(loss, model.weights[0])

    answers["body runs in four calls"] = count_runs(tf.function, lambda function: function())
    sizes = iter((4, 4, 2, 3))
    answers["body runs in four calls, three sizes"] = count_runs(
        tf.function, lambda function: function(tf.ones(next(sizes)))
    )

    number = keras.Variable(2.0)
    optimizer = keras.optimizers.SGD(STEP_SIZE)
    optimizer.build([number])

    def learn(steps: tf.Tensor) -> tf.Tensor:
        losses, step = tf.zeros(3), 0
        while step < steps:
            with tf.GradientTape() as tape:
                loss = number**2 / 2
            optimizer.apply([tape.gradient(loss, number.value)], [number])
            losses = tf.tensor_scatter_nd_update(losses, [[step]], [tf.sqrt(2 * loss)])
            step += 1
        return losses

    program = tf.function(learn, jit_compile=True)
    answers["losses of a program with a loop"] = program(tf.constant(3)).numpy().tolist()
    program(tf.constant(1))
    answers["programs for one step and for three"] = program.experimental_get_tracing_count()

    answers["denormal numbers"] = count_denormal(tf.fill((MANY,), NORMAL) * STEP_SIZE)

    def threads_while_iterating(batches: tf.data.Dataset) -> int:
        iterator = iter(batches)
        next(iterator)
        return psutil.Process().num_threads()

    batches = make_batches(tf.constant(IMAGES), tf.constant(LABELS), np.arange(ROWS), BATCH)
    answers["tuning here"] = batches.options().autotune.enabled
    numbers = tf.data.Dataset.range(1)
    # The first iteration of all starts threads that stay.
    _, untuned, tuned = [
        threads_while_iterating(each)
        for each in (numbers, numbers.with_options(batches.options()), numbers)
    ]
    answers["more threads by default"] = tuned > untuned

    answers["tf32"] = tf.config.experimental.tensor_float_32_execution_enabled()
    choose_device("cpu", "float32")
    answers["tf32 here"] = tf.config.experimental.tensor_float_32_execution_enabled()

    def on_a_missing_device():
        with tf.device("GPU:99"):
            return tf.ones(2).device.rpartition(":")[0][-3:]

    answers["missing device"] = attempt(on_a_missing_device)

    keras.config.set_dtype_policy("mixed_bfloat16")
    mixed = make_model()
    logits = mixed(images)
    loss = tf.reduce_mean(sparse_categorical_crossentropy(labels, logits, from_logits=True))
    answers["mixed: weights, logits, loss"] = [
        tf.as_dtype(each.dtype).name for each in (mixed.layers[0].kernel, logits, loss)
    ]
    keras.config.set_dtype_policy("mixed_float16")
    mixed = make_model()
    mixed.compile(keras.optimizers.SGD(), "mse")
    answers["optimizer of mixed_float16"] = type(mixed.optimizer).__name__
    keras.config.set_dtype_policy("float32")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model.compile(adam(), "mse")
        model.fit(images, tf.one_hot(labels, KINDS), verbose=0)
        model.save(path)
        answers["saved files"] = sorted(zipfile.ZipFile(path).namelist())
        loaded = keras.models.load_model(path)
        answers["saved model"] = type(loaded).__name__
        answers["saved optimizer's steps"] = int(loaded.optimizer.iterations)

    answers["float64 images"] = make_model()(tf.cast(images, tf.float64)).dtype.name
    answers["seeded elsewhere"] = seeded_elsewhere(keras.utils.set_random_seed)
    answers["seeded elsewhere by TensorFlow alone"] = seeded_elsewhere(tf.random.set_seed)

    optimizer = adam()
    answers["optimizer variables before and after build"] = [len(optimizer.variables)]
    optimizer.build(make_model().trainable_variables)
    answers["optimizer variables before and after build"].append(len(optimizer.variables))
    late = make_model().trainable_variables
    answers["a weight the optimizer was not given"] = attempt(
        lambda: optimizer.apply([tf.ones_like(each) for each in late], late)
    )

    late = keras.Sequential([layers.Dense(KINDS)])
    answers["weights before and after the first call"] = [len(late.weights)]
    late(images)
    answers["weights before and after the first call"].append(len(late.weights))
    return answers


def tensorflow_technique_answers() -> dict[str, object]:
    """Ask TensorFlow and Keras about the training techniques, in this process."""
    import keras
    import tensorflow as tf
    from keras import layers, losses, optimizers
    from keras.optimizers import schedules

    from tensorflow_impl.aligned import AlignedBatchNormalization
    from tensorflow_impl.techniques.precision import scale_gradients, use_mixed_precision

    answers: dict[str, object] = {}
    images, labels = tf.constant(IMAGES), tf.constant(LABELS)

    def make_weight(start=0.0):
        return keras.Variable([start], dtype="float64")

    def one_step(optimizer, gradient, start=0.0):
        weight = make_weight(start)
        optimizer.apply([tf.constant([gradient], "float64")], [weight])
        return float(weight.numpy()[0])

    layer = layers.BatchNormalization()
    layer(images, training=True)
    answers["batch norm: momentum, epsilon"] = [layer.momentum, layer.epsilon]
    answers["variance kept"] = layer.moving_variance.numpy().tolist()
    layer = AlignedBatchNormalization(momentum=BATCH_NORM_MOMENTUM)
    layer(images, training=True)
    answers["variance kept here"] = layer.moving_variance.numpy().tolist()

    rmsprop, adagrad = optimizers.RMSprop(), optimizers.Adagrad()
    defaults = [float(rmsprop.learning_rate), rmsprop.rho, rmsprop.epsilon]
    answers["rmsprop: rate, rho, epsilon"] = defaults
    answers["rmsprop step"] = one_step(optimizers.RMSprop(1.0, rho=0.99, epsilon=1e-8), 1e-4)
    start = adagrad.initial_accumulator_value
    defaults = [float(adagrad.learning_rate), start, adagrad.epsilon]
    answers["adagrad: rate, start, epsilon"] = defaults
    answers["adagrad step"] = one_step(optimizers.Adagrad(1.0), 0.01)
    from_zero = optimizers.Adagrad(1.0, initial_accumulator_value=0.0, epsilon=1e-8)
    answers["adagrad step from 0"] = one_step(from_zero, 1e-4)

    answers["adam with decay"] = one_step(optimizers.Adam(0.5, weight_decay=0.01), 0, 1.0)
    answers["adamw with decay"] = one_step(optimizers.AdamW(0.5, weight_decay=0.01), 0, 1.0)
    optimizer = optimizers.Adam(0.5)
    optimizer.weight_decay = np.float64(0.01)
    answers["adam with NumPy's decay"] = one_step(optimizer, 0, 1.0)

    for name in ("global_clipnorm", "clipnorm"):
        weights = [make_weight(), make_weight()]
        gradients = [tf.constant([gradient], "float64") for gradient in GRADIENTS]
        optimizers.SGD(1.0, **{name: 1.0}).apply(gradients, weights)
        answers[f"clipped by {name}"] = [-float(weight.numpy()[0]) for weight in weights]

    weight, halving = make_weight(), schedules.ExponentialDecay(1.0, 1, 0.5)
    optimizer = optimizers.SGD(1.0, gradient_accumulation_steps=2)
    for gradient in GRADIENTS:
        optimizer.apply([tf.constant([gradient], "float64")], [weight])
    answers["accumulated"] = float(weight.numpy()[0])
    optimizer = optimizers.SGD(halving, gradient_accumulation_steps=2)
    for _ in range(4):
        optimizer.apply([tf.zeros(1, "float64")], [weight])
    answers["updates of four batches"] = int(optimizer.iterations)
    answers["rate after two updates of two batches"] = float(optimizer.learning_rate)

    weight, optimizer = make_weight(), optimizers.SGD(1.0, momentum=0.9)
    answers["momentum, the rate dropping"] = []
    for rate in (1.0, 0.1):
        optimizer.learning_rate = rate
        optimizer.apply([tf.ones(1, "float64")], [weight])
        answers["momentum, the rate dropping"].append(float(weight.numpy()[0]))
    keras.config.set_floatx("float64")
    answers["scheduled rate"] = float(schedules.ExponentialDecay(0.1, 1, 0.1)(0))
    keras.config.set_floatx("float32")
    warmup = schedules.CosineDecay(0.0, 10, warmup_target=1.0, warmup_steps=4)
    answers["rate at the start of a warm-up"] = float(warmup(0))

    callback = keras.callbacks.ReduceLROnPlateau("loss", patience=2)
    answers["plateau: min_delta"] = callback.min_delta
    model = keras.Sequential([keras.Input((FEATURES,)), layers.Dense(KINDS)])
    model.compile(optimizers.SGD(1.0))
    callback.set_model(model)
    callback.on_train_begin()
    answers["rates on a plateau"] = []
    for epoch in range(5):
        callback.on_epoch_end(epoch, {"loss": 1.0})
        answers["rates on a plateau"].append(float(model.optimizer.learning_rate))

    logits, one_hot = images @ KERNEL, tf.one_hot(labels, KINDS)
    smoothing = {"from_logits": True, "label_smoothing": 0.1}
    answers["smoothed loss"] = float(losses.CategoricalCrossentropy(**smoothing)(one_hot, logits))
    answers["smoothed loss of integers"] = attempt(
        lambda: losses.SparseCategoricalCrossentropy(**smoothing)
    )

    class Types(losses.Loss):
        def call(self, labels, logits):
            answers["type of labels in a loss object"] = labels.dtype.name
            return logits

    Types()(labels, logits)
    cross_entropy = losses.SparseCategoricalCrossentropy(from_logits=True)
    weights = tf.gather(tf.constant(CLASS_WEIGHTS), labels)
    answers["weighted loss"] = float(cross_entropy(labels, logits, sample_weight=weights))
    model.compile(optimizers.SGD(0.0), cross_entropy)
    model.layers[0].kernel.assign(KERNEL)
    by_class = dict(enumerate(CLASS_WEIGHTS))
    history = model.fit(images, labels, ROWS, class_weight=by_class, verbose=0).history
    answers["weighted loss by fit"] = history["loss"][0]

    hidden = layers.Dense(KINDS, "relu")
    model = keras.Sequential([keras.Input((FEATURES,)), hidden, layers.Dense(KINDS)])
    use_mixed_precision(model, "bfloat16", None)
    answers["mixed here: hidden, logits"] = [
        each.dtype.name for each in (hidden(images), model(images))
    ]

    scaler = optimizers.LossScaleOptimizer(optimizers.SGD(1.0))
    answers["loss scale: initial, growth interval"] = [
        scaler.initial_scale,
        scaler.dynamic_growth_steps,
    ]
    model = keras.Sequential([keras.Input((FEATURES,)), layers.Dense(KINDS)])
    kernel = model.layers[0].kernel
    optimizer = scale_gradients(model, optimizers.SGD(1.0), None)
    optimizer.step_counter.assign(STEPS_BEFORE)
    answers["scale, gradient"] = []
    for factor in FACTORS:
        before = kernel.numpy()
        with tf.GradientTape() as tape:
            loss = factor * tf.reduce_sum(model(images))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        gradient = (before - kernel.numpy())[:, 0].tolist()
        answers["scale, gradient"].append([float(optimizer.dynamic_scale), gradient])
    answers["steps, updates with scaling"] = [
        int(each) for each in (optimizer._iterations, optimizer.iterations)
    ]

    numbers = tf.data.Dataset.range(ROWS)
    answers["body runs in a map"] = count_runs(
        lambda body: numbers.map(lambda number: body() or number, num_parallel_calls=2), list
    )
    return answers


# What both are asked with.


class ProcessIds:
    """A dataset whose rows say which process read them."""

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, row: int) -> int:
        return os.getpid()


def describe_start(kernel: np.ndarray, bias: np.ndarray) -> dict[str, float]:
    """The largest kernel weight, the deviation of the kernel, and the largest bias."""
    return {
        "largest": float(np.abs(kernel).max()),
        "deviation": float(kernel.std()),
        "largest bias": float(np.abs(bias).max()),
    }


def attempt(action) -> object:
    """What an action returns, or `raises` and the kind of error."""
    try:
        return action()
    except Exception as error:
        return f"raises {type(error).__name__}"


def count_runs(wrap, call) -> int:
    """How often the body of a function runs when the wrapped function is called four times."""
    runs = []

    def body(*_):
        runs.append(1)

    function = wrap(body)
    for _ in range(4):
        call(function)
    return len(runs)


def count_denormal(numbers) -> int:
    """How many of a tensor's numbers are smaller than the smallest normal one, but not zero."""
    sizes = np.abs(numbers.numpy())
    return int(((sizes > 0) & (sizes < NORMAL)).sum())


def seeded_elsewhere(seed) -> dict[str, bool]:
    """Whether a framework's call for its seed also sets Python's and NumPy's random numbers."""
    drawn = []
    for _ in range(2):
        seed(0)
        drawn.append((random.random(), float(np.random.random())))
    return {name: a == b for name, a, b in zip(("python", "numpy"), *drawn, strict=True)}


def ask(framework: str) -> dict[str, object]:
    """The answers of one framework, from a process of its own with one thread."""
    done = run_command("-m", "tests.twins.test_differences", framework, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def torch_says() -> dict[str, object]:
    return ask("torch")


@pytest.fixture(scope="module")
def keras_says() -> dict[str, object]:
    return ask("tensorflow")


# The pinning tests: what each difference is, and that it is one.


def test_kernels_are_transposed(torch_says, keras_says):
    assert torch_says["weight shape"] == [KINDS, FEATURES]
    assert keras_says["weight shape"] == [FEATURES, KINDS]
    for logits in (torch_says["logits"], keras_says["logits"]):
        np.testing.assert_allclose(logits, IMAGES @ KERNEL, atol=1e-5)


def test_default_initial_weights(torch_says, keras_says):
    sizes = ((784, 128), (128, 64), (64, 10))
    starts = zip(sizes, torch_says["initial weights"], keras_says["initial weights"], strict=True)
    for (fan_in, fan_out), torch_start, keras_start in starts:
        bounds = fan_in**-0.5, math.sqrt(6 / (fan_in + fan_out))
        for start, bound in zip((torch_start, keras_start), bounds, strict=True):
            # The largest of 640 uniform numbers, and their deviation.
            assert 0.95 * bound < start["largest"] <= 1.0001 * bound
            assert start["deviation"] == pytest.approx(bound / math.sqrt(3), rel=0.1)
        assert 0.5 * bounds[0] < torch_start["largest bias"] <= 1.0001 * bounds[0]
        assert keras_start["largest bias"] == 0
        assert 1.99 < bounds[1] / bounds[0] < 2.28


def test_adam_epsilon_by_default(torch_says, keras_says):
    assert torch_says["adam epsilon"] == ADAM_EPSILON == 1e-8
    assert keras_says["adam epsilon"] == 1e-7


def test_adam_epsilon_has_two_places(torch_says, keras_says):
    """One step with gradient 1e-6 and epsilon 1e-7 against both formulas."""
    inside = -0.001 * 1e-6 / (1e-6 + 1e-7)
    outside = -0.001 * 1e-6 / (1e-6 + 1e-7 / math.sqrt(1 - 0.999))
    assert torch_says["adam step"] == pytest.approx(inside, rel=1e-9)
    # Keras's bias correction is not exact: see the next test.
    assert keras_says["adam step"] == pytest.approx(outside, rel=1e-5)
    assert inside / outside > 3


def test_adam_bias_correction_has_two_precisions(torch_says, keras_says):
    """A first step without epsilon moves a weight by exactly the learning rate."""
    for float_type, rounding in (("float32", 5e-7), ("float64", 1e-14)):
        name = f"adam {float_type} step"
        assert torch_says[name] == pytest.approx(-0.001, rel=rounding)
        assert 5e-6 < 1 - keras_says[name] / -0.001 < 1e-5


def test_loss_arguments_are_in_opposite_order(torch_says, keras_says):
    assert torch_says["loss"] == pytest.approx(keras_says["loss"], rel=1e-6)
    for answers in (torch_says, keras_says):
        assert answers["swapped loss"].startswith("raises")
        assert answers["binary loss"] == pytest.approx(-math.log(0.75), rel=1e-6)
    assert torch_says["swapped binary loss"] == pytest.approx(25)
    assert keras_says["swapped binary loss"] == pytest.approx(3.9856, rel=1e-4)


def test_functional_losses_reduce_differently(torch_says, keras_says):
    assert torch_says["loss shape"] == []
    assert keras_says["loss shape"] == [ROWS]
    ratio = np.divide(keras_says["loss gradient"], torch_says["loss gradient"])
    np.testing.assert_allclose(ratio, ROWS, rtol=1e-3)


def test_reported_training_loss_is_a_running_weighted_mean(torch_says, keras_says):
    losses, reported = torch_says["batch losses"], keras_says["reported loss"]
    assert reported == pytest.approx(epoch_mean(np.array(losses), ROWS, BATCH), rel=1e-5)
    assert abs(reported - np.mean(losses)) > 0.1, "the last batch is not weighted"
    at_the_end = torch_says["loss at the end"]
    assert at_the_end == pytest.approx(keras_says["loss at the end"], rel=1e-5)
    assert reported - at_the_end > 0.3, "the weights did not move"


def test_shuffling_by_permutation_and_by_buffer(torch_says, keras_says):
    numbers = list(range(MANY))
    assert torch_says["order by default"] == numbers
    assert sorted(torch_says["order"]) == sorted(keras_says["order"]) == numbers
    # How much earlier a number comes than it is stored.
    assert max(np.subtract(torch_says["order"], numbers)) > MANY / 2
    assert 0 < max(np.subtract(keras_says["order"], numbers)) < 10


def test_train_and_eval_mode(torch_says, keras_says):
    assert 400 < torch_says["dropped on a plain call"] < 600
    assert torch_says["dropped after eval"] == 0
    assert keras_says["dropped on a plain call"] == 0


def test_gradients_accumulate_only_in_torch(torch_says, keras_says):
    np.testing.assert_allclose(torch_says["second gradient over first"], 2)
    np.testing.assert_allclose(keras_says["second gradient over first"], 1)


def test_a_traced_function_runs_once_per_shape(torch_says, keras_says):
    assert torch_says["body runs in four calls"] == 4
    assert keras_says["body runs in four calls"] == 1
    assert keras_says["body runs in four calls, three sizes"] == 3


def test_what_a_compiler_takes_in(torch_says, keras_says):
    assert torch_says["optimizer.step ends a program"] is True
    assert torch_says["backward ends a program"] is True
    one, three = torch_says["operations of one step and of three"]
    assert three == 3 * one
    for says in (torch_says, keras_says):
        assert says["programs for one step and for three"] == 1
        assert says["losses of a program with a loop"] == [2.0, 1.0, 0.5]


def test_denormal_numbers(torch_says, keras_says):
    assert torch_says["denormal numbers"] == MANY
    assert keras_says["denormal numbers"] == 0
    # Not every processor can; where it can't, PyTorch says so and keeps them.
    kept = 0 if torch_says["denormal numbers can be flushed"] else MANY
    assert torch_says["denormal numbers when flushed"] == kept


def test_tuning_of_the_input_pipeline(torch_says, keras_says):
    assert torch_says["workers and prefetched batches"] == [0, None]
    assert keras_says["more threads by default"] is True
    assert keras_says["tuning here"] is False


def test_jit_compile_auto(keras_says):
    """On the CPU; with a GPU, as far as Keras is told; with a GPU and op determinism."""
    assert keras_says["jit"] == [False, True, False]


def test_tf32_defaults(torch_says, keras_says):
    assert torch_says["matmul precision"] == "highest"
    assert torch_says["tf32 in convolutions"] is True
    assert keras_says["tf32"] is True
    assert keras_says["tf32 here"] is False


def test_a_missing_device_is_an_error_only_in_torch(torch_says, keras_says):
    assert torch_says["missing device"].startswith("raises")
    assert keras_says["missing device"] in ("CPU", "GPU")


def test_float_type_settings(torch_says, keras_says):
    assert torch_says["weights after float64 was set"] == "torch.float64"
    assert keras_says["layer at first"] == "float32"
    assert keras_says["layer after floatx alone"] == "float32"
    assert keras_says["layer after floatx and policy"] == "float64"


def test_float64_images_into_a_float32_model(torch_says, keras_says):
    assert torch_says["float64 images"] == "raises RuntimeError"
    assert keras_says["float64 images"] == "float32"


def test_learning_rate_precision(torch_says, keras_says):
    assert torch_says["sgd step"] == -0.001
    assert keras_says["sgd step"] == -float(np.float32(0.001)) != -0.001
    assert keras_says["rate with floatx float64"] == 0.001


def test_what_one_seed_sets(torch_says, keras_says):
    assert torch_says["seeded elsewhere"] == {"python": False, "numpy": False}
    assert keras_says["seeded elsewhere"] == {"python": True, "numpy": True}
    alone = keras_says["seeded elsewhere by TensorFlow alone"]
    assert alone == {"python": False, "numpy": False}


def test_recording_by_default(torch_says, keras_says):
    assert torch_says["recorded by default"] is True
    assert torch_says["recorded in inference mode"] is False
    assert keras_says["gradient of what was computed outside"] is None


def test_when_weights_are_created(torch_says, keras_says):
    assert torch_says["layer without its input size"] == "raises TypeError"
    assert keras_says["weights before and after the first call"] == [0, 2]


def test_which_weights_the_optimizer_has(torch_says, keras_says):
    assert torch_says["a weight the optimizer was not given"] == "unchanged"
    assert torch_says["optimizer state before a step"] == 0
    assert keras_says["a weight the optimizer was not given"] == "raises ValueError"
    # The step count and the learning rate; then two running means for each of two weights.
    assert keras_says["optimizer variables before and after build"] == [2, 6]


def test_validation_split_takes_the_tail(keras_says):
    """The mean of 8^2 and 9^2: the last two of ten rows, although `shuffle` is on."""
    assert keras_says["validation loss"] == 72.5


def test_batch_normalization(torch_says, keras_says):
    """What of the start, variance 1, and of ten rows' variance each keeps after one batch."""
    assert torch_says["batch norm: momentum, epsilon"] == [0.1, BATCH_NORM_EPSILON]
    assert keras_says["batch norm: momentum, epsilon"] == [0.99, 1e-3]
    unbiased = 0.9 + 0.1 * IMAGES.var(axis=0, ddof=1)
    np.testing.assert_allclose(torch_says["variance kept"], unbiased, rtol=1e-6)
    np.testing.assert_allclose(keras_says["variance kept here"], unbiased, rtol=1e-6)
    biased = 0.99 + 0.01 * IMAGES.var(axis=0)
    np.testing.assert_allclose(keras_says["variance kept"], biased, rtol=1e-6)


def test_rmsprop(torch_says, keras_says):
    """One step from a gradient of 1e-4 with rho 0.99 and epsilon 1e-8 against both formulas."""
    assert torch_says["rmsprop: rate, rho, epsilon"] == [0.01, RMSPROP_RHO, RMSPROP_EPSILON]
    assert keras_says["rmsprop: rate, rho, epsilon"] == [float(np.float32(0.001)), 0.9, 1e-7]
    after, before = 1e-4 / (1e-5 + 1e-8), 1e-4 / math.sqrt(1e-10 + 1e-8)
    assert torch_says["rmsprop step"] == pytest.approx(-after, rel=1e-9)
    assert keras_says["rmsprop step"] == pytest.approx(-before, rel=1e-6)
    assert after / before > 10


def test_adagrad(torch_says, keras_says):
    """One step from a gradient of 0.01 by default; one of 1e-4 with epsilon 1e-8, from a sum 0."""
    assert torch_says["adagrad: rate, start, epsilon"] == [0.01, 0, ADAGRAD_EPSILON]
    assert keras_says["adagrad: rate, start, epsilon"] == [float(np.float32(0.001)), 0.1, 1e-7]
    assert torch_says["adagrad step"] == pytest.approx(-1)
    assert keras_says["adagrad step"] == pytest.approx(-0.01 / math.sqrt(0.1001), rel=1e-5)
    assert torch_says["adagrad step from 0"] == pytest.approx(-1e-4 / (1e-4 + 1e-8), rel=1e-9)
    assert keras_says["adagrad step from 0"] == pytest.approx(-math.sqrt(0.5), rel=1e-6)


def test_weight_decay(torch_says, keras_says):
    """A step of size 0.5 with decay 0.01 and no gradient, from a weight of 1."""
    assert torch_says["adamw decay"] == WEIGHT_DECAY == 0.01
    assert keras_says["adamw decay"] == 0.004
    assert 1 - torch_says["adamw step"] == pytest.approx(1e-5, rel=1e-6)
    assert 1 - keras_says["adamw step"] == pytest.approx(4e-6, rel=1e-6)
    # Coupled, the decay is a gradient, whose size Adam divides away.
    assert torch_says["adam with decay"] == pytest.approx(0.5, rel=1e-5)
    assert torch_says["adamw with decay"] == pytest.approx(0.995, rel=1e-15)
    assert keras_says["adam with decay"] == keras_says["adamw with decay"]
    rounded = 1 - 0.5 * float(np.float32(0.01))
    assert keras_says["adam with decay"] == pytest.approx(rounded, rel=1e-15)
    assert keras_says["adam with NumPy's decay"] == pytest.approx(0.995, rel=1e-15)
    assert rounded != pytest.approx(0.995, rel=1e-11)


def test_clipping(torch_says, keras_says):
    """Gradients of 3 and 4, of two weights, clipped to a norm of 1."""
    torch_norm = math.hypot(*torch_says["clipped"])
    assert torch_norm == pytest.approx(5 / (5 + 1e-6), rel=1e-12)
    assert keras_says["clipped by global_clipnorm"] == pytest.approx([0.6, 0.8], rel=1e-12)
    assert keras_says["clipped by clipnorm"] == [1, 1]


def test_gradient_accumulation(torch_says, keras_says):
    """Two batches for an update; a schedule that halves the rate whenever it counts."""
    for answers in (torch_says, keras_says):
        assert answers["accumulated"] == -np.mean(GRADIENTS)
    assert keras_says["updates of four batches"] == 2
    assert torch_says["rate after two updates of two batches"] == 0.5**2
    assert keras_says["rate after two updates of two batches"] == 0.5**4


def test_schedules(torch_says, keras_says):
    """Two steps from gradients of 1 at rates of 1 and 0.1; the rate 0.1; the first of a warm-up."""
    name = "momentum, the rate dropping"
    assert torch_says[name] == pytest.approx([-1, -1 - 0.1 * 1.9])
    assert keras_says[name] == pytest.approx([-1, -1 - (0.9 + 0.1)])
    assert torch_says["scheduled rate"] == 0.1
    assert keras_says["scheduled rate"] == float(np.float32(0.1))
    assert torch_says["rate at the start of a warm-up"] == pytest.approx(1 / 3)
    assert keras_says["rate at the start of a warm-up"] == 0


def test_reducing_on_a_plateau(torch_says, keras_says):
    """Rates after five epochs without any change, with a patience of 2."""
    assert torch_says["rates on a plateau"] == pytest.approx([1, 1, 1, 0.1, 0.1])
    assert keras_says["rates on a plateau"] == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    assert torch_says["plateau: threshold, least drop"] == [1e-4, "rel", 1e-8]
    assert keras_says["plateau: min_delta"] == 1e-4


def test_label_smoothing(torch_says, keras_says):
    assert torch_says["smoothed loss"] == pytest.approx(keras_says["smoothed loss"], rel=1e-6)
    assert torch_says["smoothed loss of integers"] == torch_says["smoothed loss"]
    assert keras_says["smoothed loss of integers"] == "raises TypeError"
    assert keras_says["type of labels in a loss object"] == "float32"


def test_class_weights(torch_says, keras_says):
    """The mean is over the weights in PyTorch and over the rows in Keras."""
    ratio = np.array(CLASS_WEIGHTS)[LABELS].mean()
    weighted = keras_says["weighted loss"]
    assert weighted / torch_says["weighted loss"] == pytest.approx(ratio, rel=1e-5)
    assert keras_says["weighted loss by fit"] == pytest.approx(weighted, rel=1e-6)
    assert ratio > 2


def test_one_image_at_a_time(torch_says, keras_says):
    """Workers are processes, started anew in each epoch; a map is traced once."""
    assert torch_says["processes of two epochs"] == 2
    assert torch_says["prefetched batches of a worker"] == 2
    assert keras_says["body runs in a map"] == 1


def test_what_a_checkpoint_has_to_hold(torch_says, keras_says):
    assert torch_says["random numbers changed: by a loader, here"] == [True, False]
    assert torch_says["state of an optimizer with a schedule"] == ["param_groups", "state"]
    first, second, third = keras_says["what dropout remembers"]
    assert first[0] == second[0] == third[0]
    assert second[1] - first[1] == third[1] - second[1] == 1
    assert keras_says["variables of an accumulating optimizer"] == 4


def test_dropout_streams(torch_says, keras_says):
    name = "masks: first, again, after another draw"
    (torch_mask, again, shifted), (keras_mask, keras_again, same) = (
        np.array(answers[name]) for answers in (torch_says, keras_says)
    )
    assert (torch_mask == again).all()
    assert (keras_mask == keras_again).all()
    # Two independent masks agree in half of their places, give or take.
    assert 0.4 < np.mean(torch_mask == keras_mask) < 0.6
    assert 0.4 < np.mean(torch_mask == shifted) < 0.6
    assert (keras_mask == same).all()


def test_mixed_precision(torch_says, keras_says):
    name = "mixed: weights, logits, loss"
    assert torch_says[name] == ["float32", "bfloat16", "float32"]
    assert keras_says[name] == ["float32", "bfloat16", "bfloat16"]
    assert keras_says["optimizer of mixed_float16"] == "LossScaleOptimizer"
    for answers in (torch_says, keras_says):
        assert answers["mixed here: hidden, logits"] == ["bfloat16", "float32"]


def test_scaling_gradients(torch_says, keras_says):
    """Steps 1999 and 2000 without an overflow, and one with: scales, and what the weights saw."""
    name = "loss scale: initial, growth interval"
    assert torch_says[name] == [INITIAL_SCALE, STEPS_BEFORE + 2]
    assert keras_says[name] == [INITIAL_SCALE / 2, STEPS_BEFORE + 2]
    for answers in (torch_says, keras_says):
        scales, gradients = zip(*answers["scale, gradient"], strict=True)
        assert scales == (INITIAL_SCALE, 2 * INITIAL_SCALE, INITIAL_SCALE)
        expected = np.outer(np.where(np.isfinite(FACTORS), FACTORS, 0), IMAGES.sum(axis=0))
        np.testing.assert_allclose(gradients, expected, atol=1e-5)
    # By GradScaler as it is, and as it is used here.
    assert torch_says["hooks in a skipped step"] == [1, 0]
    assert keras_says["steps, updates with scaling"] == [3, 2]


def test_what_is_saved(torch_says, keras_says):
    assert torch_says["saved weights"] == ["bias", "weight"]
    assert torch_says["saved module"] == "raises UnpicklingError"
    assert keras_says["saved files"] == ["config.json", "metadata.json", "model.weights.h5"]
    assert keras_says["saved model"] == "Sequential"
    assert keras_says["saved optimizer's steps"] == 1


if __name__ == "__main__":
    prepare_environment(threads=1)
    ask_about = {
        "torch": (torch_answers, torch_technique_answers),
        "tensorflow": (tensorflow_answers, tensorflow_technique_answers),
    }
    answers, techniques = (about() for about in ask_about[sys.argv[1]])
    print(json.dumps(answers | techniques))
