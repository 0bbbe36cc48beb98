"""Each technique does what it says: alone in the oracle, together in each framework."""

import io
import json
import math
from dataclasses import fields, replace
from functools import cache, partial
from itertools import count

import numpy as np
import pytest
from safetensors.numpy import load

from commands.single_run import kept_epoch
from comparison.tracing import read_frames
from comparison.verification import Reference, judge
from numpy_impl.model import Dense, ReLU, get_weights, set_weights
from numpy_impl.run import build, learn_in_epochs, run
from numpy_impl.techniques import updates
from numpy_impl.techniques.layers import BatchNorm, Dropout, build_network
from numpy_impl.techniques.loss import make_loss
from numpy_impl.techniques.optimizers import choose_optimizer
from numpy_impl.techniques.schedule import follow_schedule, reduce_on_plateau
from numpy_impl.train import train_step
from shared.activations import ACTIVATIONS
from shared.augmentation import augment
from shared.clock import Clock
from shared.config import (
    ADAGRAD_EPSILON,
    CLASSES,
    RMSPROP_EPSILON,
    RMSPROP_RHO,
    TECHNIQUES,
    WITHOUT_EQUAL,
    TrainConfig,
)
from shared.epochs import stop_early
from shared.results import EpochResult
from shared.sampling import balanced_order, class_weights, imbalanced_rows, load_configured
from shared.verified import RunVerification
from tests.support.commands import ROOT
from tests.support.gradients import largest_error
from tests.support.techniques import BASE, EQUAL, SCHEDULED, UNEQUAL

# --- Together, in each framework ---


@cache
def references() -> list[Reference]:
    return [Reference(replace(BASE, **each), "float64") for each in EQUAL.values()]


@pytest.fixture(scope="module", params=["pytorch eager", "tensorflow graph"])
def child(request, warm, tmp_path_factory):
    """What an implementation computed: a list of traces, and the arrays of each unequal case."""
    name, variant = request.param.split()
    path = tmp_path_factory.mktemp(name) / "traces"
    words = "-m", "tests.support.techniques", name, variant, str(path)
    done = warm(name).run(*words, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    stream = io.BytesIO(path.read_bytes())
    traces = [[(each.kind, load(each.arrays)) for each in read_frames(stream)] for _ in EQUAL]
    unequal = {frame.text: load(frame.arrays) for frame in read_frames(stream)}
    return traces, unequal, [load(frame.arrays)["rates"] for frame in read_frames(stream)]


def test_techniques_compute_the_same_as_the_oracle(child):
    for name, trace, reference in zip(EQUAL, child[0], references(), strict=True):
        verdict = RunVerification(name)
        judge(verdict, trace, reference)
        assert verdict.passed, (name, verdict.failure)


def rates_by_the_formula(case: dict) -> list[float]:
    """Learning rates at the ends of the epochs: halved every so many, or along a cosine."""
    first, epochs = BASE.learning_rate, case["epochs"]
    ends = range(1, epochs + 1)
    if case["schedule"] == "cosine":
        return [first * (1 + math.cos(math.pi * epoch / epochs)) / 2 for epoch in ends]
    return [first * 0.5 ** (epoch // case["schedule_epochs"]) for epoch in ends]


def test_rates_at_the_ends_of_epochs_whatever_is_accumulated(child):
    for case, rates_seen in zip(SCHEDULED, child[2], strict=True):
        np.testing.assert_allclose(rates_seen, rates_by_the_formula(case), 1e-12, 1e-17, str(case))


def losses_without_the_second_step() -> np.ndarray:
    """The oracle's, as `tests.support.techniques` sends them."""
    dataset = load_configured(BASE)
    built = build(BASE, dataset)
    optimizer, numbers = built[2], count(1)
    step = optimizer.step
    optimizer.step = lambda gradients: next(numbers) == 2 or step(gradients)
    epochs = learn_in_epochs(BASE, "reference", dataset, built, Clock())
    return np.array([[epoch.train_loss, epoch.test_loss] for epoch in epochs])


def test_what_has_no_equal_does_something(child):
    plain, dropout, bfloat16, float16, per_sample = (child[1][name] for name in UNEQUAL)
    # The same images, but standardized one by one.
    np.testing.assert_allclose(per_sample["losses"], plain["losses"], rtol=1e-4)
    assert (per_sample["dense_1/kernel"] != plain["dense_1/kernel"]).any()
    # Rounded to 8 bits on the way, but learned and kept in float32.
    np.testing.assert_allclose(bfloat16["losses"], plain["losses"], rtol=0.1)
    assert np.abs(bfloat16["losses"] / plain["losses"] - 1).max() > 1e-4
    kernel = bfloat16["dense_1/kernel"]
    assert kernel.dtype == np.float32
    assert (kernel.view(np.uint32) & 0xFFFF).any()
    # Rounded to 11 bits, and one batch's gradients were too large when scaled up.
    expected = losses_without_the_second_step()
    np.testing.assert_allclose(float16["losses"], expected, rtol=5e-4)
    assert np.abs(float16["losses"] / expected - 1).max() > 3e-6
    kernel = float16["dense_1/kernel"]
    assert kernel.dtype == np.float32
    assert (kernel.view(np.uint32) & 0x1FFF).any()
    # Harder to learn.
    assert (dropout["losses"] / plain["losses"]).mean() > 1.04


def test_every_technique_is_in_one_of_the_two():
    covered = {name for case in (*EQUAL.values(), *UNEQUAL.values()) for name in case}
    assert set(TECHNIQUES) - covered == {"schedule_factor"}
    assert set().union(*UNEQUAL.values()) == set(WITHOUT_EQUAL)
    equal = {case.get("activation", TrainConfig.activation) for case in EQUAL.values()}
    assert equal == set(ACTIVATIONS)


# --- Alone, in the oracle ---


@cache
def trained(**given: object) -> tuple[list[EpochResult], dict[str, np.ndarray]]:
    """The epochs' figures and the weights after a small training."""
    config = replace(BASE, **({"epochs": 2} | given))
    dataset = load_configured(config)
    built = build(config, dataset)
    epochs = list(learn_in_epochs(config, "reference", dataset, built, Clock()))
    return epochs, get_weights(built[1])


ALONE = [
    *({"optimizer": name} for name in ("adamw", "sgd", "rmsprop", "adagrad")),
    *({"activation": name} for name in ("leaky-relu", "gelu", "tanh")),
    {"dropout": 0.3},
    {"batch_norm": True},
    {"weight_decay": 0.1},
    {"schedule": "step", "schedule_epochs": 1},
    {"schedule": "cosine"},
    {"warmup_steps": 3},
    {"clip_norm": 0.1},
    {"accumulate": 2},
    {"label_smoothing": 0.1},
    {"imbalance": 0.5},
    {"validation": 0.2},
    {"augment": True},
    {"class_weights": "balanced"},
    {"sampling": "balanced"},
    {"pixels": "unit"},
]


@pytest.mark.parametrize("fields_given", ALONE, ids=str)
def test_a_technique_changes_what_is_learned(fields_given):
    plain, weights = trained()[1], trained(**fields_given)[1]
    assert np.abs(weights["dense_1/kernel"] - plain["dense_1/kernel"]).max() > 1e-4


def test_one_hot_labels_mean_the_same():
    plain, weights = trained()[1], trained(labels="one-hot")[1]
    np.testing.assert_allclose(weights["dense_1/kernel"], plain["dense_1/kernel"], atol=1e-12)


GRADIENTS = (2.0, -1.0, 4.0)


def steps_of(make, **given) -> list[float]:
    """Where a weight goes that starts at 1, with these gradients."""
    weight = np.array([1.0])
    optimizer = make([weight], 0.1, **given)
    path = []
    for gradient in GRADIENTS:
        optimizer.step([np.array([gradient])])
        path.append(float(weight[0]))
    return path


def test_sgd_against_steps_by_hand():
    assert steps_of(updates.SGD) == pytest.approx([0.8, 0.9, 0.5])
    # v = 2, 0, 4 with momentum 1/2.
    assert steps_of(updates.SGD, momentum=0.5) == pytest.approx([0.8, 0.8, 0.4])
    # g + v / 2 = 3, -1, 6.
    nesterov = steps_of(updates.SGD, momentum=0.5, nesterov=True)
    assert nesterov == pytest.approx([0.7, 0.8, 0.2])


def test_rmsprop_and_adagrad_against_steps_by_hand():
    mean, total, weight, adapted = 0.0, 0.0, 1.0, 1.0
    expected, expected_adagrad = [], []
    for gradient in GRADIENTS:
        mean += (1 - RMSPROP_RHO) * (gradient**2 - mean)
        total += gradient**2
        weight -= 0.1 * gradient / (math.sqrt(mean) + RMSPROP_EPSILON)
        adapted -= 0.1 * gradient / (math.sqrt(total) + ADAGRAD_EPSILON)
        expected.append(weight)
        expected_adagrad.append(adapted)
    assert steps_of(updates.RMSprop) == pytest.approx(expected, rel=1e-13)
    assert steps_of(updates.Adagrad) == pytest.approx(expected_adagrad, rel=1e-13)
    first, second, _ = steps_of(updates.RMSprop, momentum=0.5)
    assert first == pytest.approx(expected[0])
    assert second - first == pytest.approx(expected[1] - expected[0] + (expected[0] - 1) / 2)


def test_weight_decay_shrinks_what_has_no_gradient():
    model = build_network((4,), ReLU, dropout=0, batch_norm=False, alignment="exact")
    for weight in model.parameters():
        weight += 1
    config = TrainConfig(optimizer="adamw", learning_rate=0.1, weight_decay=0.5)
    choose_optimizer(model, config, 1).step([np.zeros_like(each) for each in model.parameters()])
    assert {float(each) for weight in model.parameters() for each in weight.ravel()} == {0.95}


def test_clipping_keeps_the_direction_and_small_gradients():
    weights = [np.zeros(2), np.zeros(1)]
    sgd = updates.SGD(weights, 1.0)
    sgd.clip_norm = 5.0
    # Of norm 13 together, and then of norm 5.
    sgd.step([np.array([3.0, 4.0]), np.array([12.0])])
    np.testing.assert_allclose(np.concatenate(weights), np.array([-3, -4, -12]) * 5 / 13)
    before = np.concatenate(weights)
    sgd.step([np.array([3.0, 4.0]), np.array([0.0])])
    np.testing.assert_allclose(np.concatenate(weights), before - [3, 4, 0])


def test_accumulated_batches_are_one_large_batch():
    config = replace(BASE, optimizer="sgd")
    dataset = load_configured(config)
    images, labels = dataset.train_images[:64], dataset.train_labels[:64]
    (_, small, *_), (_, large, *_) = (build(config, dataset) for _ in range(2))
    accumulating = choose_optimizer(small, replace(config, accumulate=2), 1)
    before = get_weights(small)["dense_1/kernel"]
    train_step(small, accumulating, images[:32], labels[:32])
    np.testing.assert_array_equal(get_weights(small)["dense_1/kernel"], before)
    train_step(small, accumulating, images[32:], labels[32:])
    train_step(large, choose_optimizer(large, config, 1), images, labels)
    for name, weights in get_weights(large).items():
        np.testing.assert_allclose(get_weights(small)[name], weights, atol=1e-14)


def rates(steps: int = 4, epochs: int = 2, **given: object) -> list[float]:
    """The learning rates of the updates of all epochs, as parts of the one given."""
    config = TrainConfig(epochs=epochs, learning_rate=1.0, **given)
    sgd = updates.SGD([np.zeros(1)], 1.0)
    sgd.accumulate = config.accumulate
    follow_schedule(sgd, config, steps)
    seen = []
    for _ in range(epochs * steps // config.accumulate):
        seen.append(sgd.current_rate())
        for _ in range(config.accumulate):
            sgd.step([np.zeros(1)])
    return seen


def test_schedules():
    assert rates() == [1] * 8
    dropping = rates(schedule="step", schedule_epochs=1, schedule_factor=0.5)
    assert dropping == [1] * 4 + [0.5] * 4
    cosine = [(1 + math.cos(math.pi * t / 8)) / 2 for t in range(8)]
    assert rates(schedule="cosine") == pytest.approx(cosine)
    assert rates(warmup_steps=4) == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 1, 1])
    both = rates(schedule="cosine", warmup_steps=2)
    assert both == pytest.approx([cosine[0] / 2, *cosine[1:]])
    # By updates, not by batches.
    halved = rates(schedule="cosine", accumulate=2)
    assert halved == pytest.approx([(1 + math.cos(math.pi * t / 4)) / 2 for t in range(4)])


@pytest.mark.parametrize("case", SCHEDULED, ids=str)
def test_rates_at_the_ends_of_epochs_in_the_oracle(case):
    seen = [epoch.learning_rate for epoch in trained(**case)[0]]
    assert seen == pytest.approx(rates_by_the_formula(case), 1e-12, 1e-17)


TORCH_BY_HAND = """
import json, torch
from torch.optim import lr_scheduler
make = {
    "step": lambda sgd, every, steps, epochs: lr_scheduler.StepLR(sgd, every, 0.5),
    "cosine": lambda sgd, every, steps, epochs: lr_scheduler.CosineAnnealingLR(sgd, epochs * steps),
}
seen = {}
for name, epochs, steps in (("step", 6, 5), ("step", 7, 1), ("cosine", 3, 7), ("cosine", 2, 1)):
    sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler, rates = make[name](sgd, 2, steps, epochs), []
    for epoch in range(epochs):
        for batch in range(steps):
            rates.append(scheduler.get_last_lr()[0])
            sgd.step()
            if name == "cosine":
                scheduler.step()
        if name == "step":
            scheduler.step()
    seen[f"{name} {epochs} {steps}"] = rates
print(json.dumps(seen))
"""


def test_schedules_against_those_of_torch_in_a_plain_loop(warm):
    """StepLR moved on once an epoch, CosineAnnealingLR once a batch, each as its manual says."""
    done = warm("pytorch").run("-c", TORCH_BY_HAND, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    for name, expected in json.loads(done.stdout).items():
        schedule, epochs, steps = name.split()
        more = {"schedule": schedule, "schedule_epochs": 2, "schedule_factor": 0.5}
        assert rates(int(steps), epochs=int(epochs), **more) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("accumulate", [1, 3, 8])
@pytest.mark.parametrize("steps", [1, 3, 5, 7])
def test_an_update_takes_the_rate_of_the_epoch_that_it_is_made_in(steps, accumulate):
    """Gradients of 1 move the weight by the rate; the loop counts the batches plainly."""
    step = {"schedule": "step", "schedule_epochs": 2, "schedule_factor": 0.5}
    config = TrainConfig(epochs=9, learning_rate=1.0, accumulate=accumulate, **step)
    weight = np.zeros(1)
    sgd = updates.SGD([weight], 1.0)
    sgd.accumulate = accumulate
    follow_schedule(sgd, config, steps)
    expected, waiting = 0.0, 0
    for epoch in range(9):
        for _ in range(steps):
            sgd.step([np.ones(1)])
            waiting += 1
            if waiting == accumulate:
                expected -= 0.5 ** (epoch // 2)
                waiting = 0
            assert weight[0] == pytest.approx(expected, rel=1e-13)


def epochs_with(*validation_losses: float) -> list[EpochResult]:
    """Epochs with these validation losses, and with test losses ten times as large."""
    return [
        EpochResult(number, 1.0, 0.5, 10 * loss, 0.5, 1.0, 1.0, validation_loss=loss)
        for number, loss in enumerate(validation_losses, start=1)
    ]


def test_plateau_drops_the_rate_when_the_loss_no_longer_falls():
    sgd = updates.SGD([np.zeros(1)], 1.0)
    config = TrainConfig(
        validation=0.1, schedule="plateau", schedule_epochs=2, schedule_factor=0.5, patience=9
    )
    seen = []
    for _ in reduce_on_plateau(iter(epochs_with(3, 2, 2, 2.5, 1, 1, 1)), sgd, config):
        seen.append(sgd.current_rate())
    # Two epochs without a lower loss, twice.
    assert seen == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]


def test_early_stopping_ends_and_goes_back():
    model = build_network((4,), ReLU, dropout=0, batch_norm=False, alignment="exact")
    bias = model.parameters()[-1]

    def learning():
        for epoch in epochs_with(3, 2, 1.95, 2.1, 1):
            bias[:] = epoch.epoch
            yield epoch

    config = TrainConfig(validation=0.1, patience=2, min_delta=0.1)
    weights = partial(get_weights, model), partial(set_weights, model)
    seen = list(stop_early(learning(), weights, config, {}))
    # 1.95 is not lower by enough.
    assert [epoch.epoch for epoch in seen] == [1, 2, 3, 4]
    assert set(model.parameters()[-1]) == {2}
    assert kept_epoch(seen, config).epoch == 2
    assert kept_epoch(seen, TrainConfig()).epoch == 4


def test_the_run_reports_the_epoch_that_it_kept():
    config = replace(BASE, **EQUAL["plateau, stopped early"])
    dataset = load_configured(config)
    epochs, job = [], run(config, "reference", dataset, Clock())
    while True:
        try:
            epochs.append(next(job))
        except StopIteration as stop:
            logits = stop.value.predict(dataset.test_images)
            break
    accuracy = float(np.mean(logits.argmax(axis=1) == dataset.test_labels))
    assert kept_epoch(epochs, config).test_accuracy == accuracy
    assert len(epochs) < config.epochs


def test_losses_by_their_formulas():
    logits = np.random.default_rng(0).normal(0, 3, (6, CLASSES))
    labels = np.array([0, 9, 4, 4, 1, 7])
    log_softmax = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    weights = np.arange(1.0, 11.0)
    for smoothing, given in ((0.0, weights), (0.2, None), (0.2, weights)):
        loss = make_loss(smoothing, False, given, "cpu")
        targets = (1 - smoothing) * np.eye(CLASSES)[labels] + smoothing / CLASSES
        each = -(targets * log_softmax).sum(axis=1) * (1 if given is None else given[labels])
        assert loss(logits, labels) == pytest.approx(each.mean(), rel=1e-13)
        gradient = loss.gradient(logits, labels)
        # The default arguments bind now what the loop changes.
        value = lambda loss=loss: loss(logits, labels)  # noqa: E731
        assert largest_error(value, logits, gradient, 60) < 1e-7


def test_batch_normalization_against_finite_differences():
    random = np.random.default_rng(1)
    inputs, direction = random.normal(2, 3, (7, 5)), random.normal(size=(7, 5))
    layer = BatchNorm(5)
    layer.training = True
    layer.gamma, layer.beta = random.normal(size=5), random.normal(size=5)

    def loss() -> float:
        return float((layer.forward(inputs) * direction).sum())

    outputs = (layer.forward(inputs) - layer.beta) / layer.gamma
    np.testing.assert_allclose(outputs.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(outputs.std(axis=0), 1, rtol=1e-4)
    gamma, beta = layer.weight_gradients(direction)
    assert largest_error(loss, inputs, layer.input_gradient(direction), 35) < 1e-7
    assert largest_error(loss, layer.gamma, gamma, 5) < 1e-7
    assert largest_error(loss, layer.beta, beta, 5) < 1e-7


def test_batch_normalization_uses_what_it_has_seen():
    layer = BatchNorm(3)
    inputs = np.random.default_rng(2).normal(5, 2, (50, 3))
    layer.training = True
    for _ in range(200):
        layer.forward(inputs)
    layer.training = False
    # The unbiased variance, from 50 rows.
    expected = (inputs - inputs.mean(axis=0)) / np.sqrt(inputs.var(axis=0, ddof=1) + 1e-5)
    np.testing.assert_allclose(layer.forward(inputs), expected, rtol=1e-6, atol=1e-6)


def test_dropout_switches_off_and_scales_up():
    layer = Dropout(0.25)
    inputs = np.ones((100, 100))
    np.testing.assert_array_equal(layer.forward(inputs), inputs)
    layer.training = True
    outputs = layer.forward(inputs)
    assert set(np.unique(outputs)) == {0, 1 / 0.75}
    assert (outputs == 0).mean() == pytest.approx(0.25, abs=0.02)
    np.testing.assert_array_equal(layer.input_gradient(inputs), outputs)
    assert (layer.forward(inputs) != outputs).any()


def test_networks_of_any_depth():
    for hidden in ((5,), (5, 4, 3)):
        layers = build_network(hidden, ReLU, 0.1, batch_norm=True, alignment="exact").layers
        dense = [layer for layer in layers if isinstance(layer, Dense)]
        assert [each.kernel.shape[1] for each in dense] == [*hidden, CLASSES]
        # Kernel and bias, but for the layers that are normalized.
        assert [len(each.parameters()) for each in dense] == [1] * len(hidden) + [2]
        kinds = [type(layer).__name__ for layer in layers]
        assert kinds == ["DenseWithoutBias", "BatchNorm", "ReLU", "Dropout"] * len(hidden) + [
            "Dense"
        ]


LABELS = np.repeat(np.arange(CLASSES), np.arange(100, 1100, 100))


def test_balanced_classes():
    weights = class_weights(LABELS)
    assert weights[LABELS].mean() == pytest.approx(1)
    assert weights[0] == pytest.approx(10 * weights[9])
    order = balanced_order(LABELS, seed=0, epoch=1)
    assert len(order) == len(LABELS)
    counts = np.bincount(LABELS[order])
    assert counts == pytest.approx(np.full(CLASSES, 550), rel=0.2)
    assert (balanced_order(LABELS, seed=0, epoch=2) != order).any()
    # A class that is not there counts nothing.
    assert class_weights(LABELS[LABELS > 0])[0] == 0


def test_imbalance_keeps_a_part_of_the_rare_classes():
    counts = np.bincount(LABELS[imbalanced_rows(LABELS, 0.1, seed=0)])
    assert counts[:5].tolist() == [100, 200, 300, 400, 500]
    assert counts[5:] == pytest.approx(np.array([60, 70, 80, 90, 100]), rel=0.4)


def test_validation_is_held_out_of_each_class():
    whole = load_configured(replace(BASE, limit=None))
    split = load_configured(replace(BASE, limit=None, validation=0.25))
    counts, held_out = np.bincount(whole.train_labels), np.bincount(split.validation_labels)
    np.testing.assert_allclose(held_out, counts / 4, atol=0.5)
    together = np.concatenate([split.train_images, split.validation_images])
    rows = {row.tobytes() for row in whole.train_images}
    assert {row.tobytes() for row in together} == rows
    assert len(together) == len(whole.train_images)
    other = load_configured(replace(BASE, limit=None, validation=0.25, seed=1))
    assert (other.validation_labels[:50] != split.validation_labels[:50]).any()


def test_augmentation_moves_the_drawing_a_little():
    image = np.zeros((28, 28))
    image[10:18, 10:18] = 1
    images = np.repeat(image.reshape(1, -1), 40, axis=0)
    first, again, later = (augment(images, 0.0, 0, epoch) for epoch in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != later).any()
    assert first.shape == images.shape
    assert first.dtype == images.dtype
    # Nothing is lost beyond the edge, and each image goes its own way, but not far.
    np.testing.assert_allclose(first.sum(axis=1), image.sum(), rtol=0.05)
    rows = np.arange(28)[:, None]
    centres = [(each.reshape(28, 28) * rows).sum() / each.sum() for each in first]
    assert np.std(centres) > 0.3
    assert np.abs(np.array(centres) - 13.5).max() < 4


def test_techniques_are_all_the_fields_beyond_the_plain_ones():
    names = [item.name for item in fields(TrainConfig)]
    assert names[names.index("pixels") :][: len(TECHNIQUES)] == list(TECHNIQUES)
