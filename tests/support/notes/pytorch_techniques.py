"""What the notes say of PyTorch in the techniques and the files behind them."""

import copy
import importlib.util
import io
import sys
import tempfile
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional
from torch.optim import lr_scheduler
from torch.utils import data
from torchvision import transforms

from pytorch_impl.model import build_model
from pytorch_impl.techniques.accumulation import Accumulating
from pytorch_impl.techniques.precision import Scaling
from tests.support.notes.registry import Checks, raises

CHECKS = Checks()
of = CHECKS.of


def weight(start: float = 1.0, gradient: float = 1.0) -> nn.Parameter:
    """One number that is learned, with its gradient."""
    parameter = nn.Parameter(torch.full((1,), start))
    parameter.grad = torch.full((1,), gradient)
    return parameter


# Checkpoints


@of(
    "techniques/checkpoint.py imports: RANDOM = {",
    "techniques/checkpoint.py get_state: get_rng_state()",
)
def a_device_has_one_stream_of_random_numbers():
    for module in (torch, torch.cuda, torch.mps):
        assert module.get_rng_state
        assert module.set_rng_state
    state = torch.get_rng_state()
    first = torch.rand(2), functional.dropout(torch.ones(9))
    torch.set_rng_state(state)
    assert torch.equal(first[0], torch.rand(2))
    assert torch.equal(first[1], functional.dropout(torch.ones(9)))


@of("techniques/checkpoint.py get_state: optimizer.state.get(")
def only_adagrad_has_state_before_the_first_step():
    for kind in (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.RMSprop):
        assert not kind([weight()], lr=0.1).state
    assert torch.optim.Adagrad([weight()]).state


@of("techniques/checkpoint.py get_state: optimizer.scaler.state_dict()")
def a_scaler_keeps_pythons_numbers():
    state = torch.amp.GradScaler("cpu").state_dict()
    assert {"scale", "_growth_tracker"} <= state.keys()
    assert all(isinstance(each, int | float) for each in state.values())


@of("techniques/checkpoint.py get_state: scheduler.last_epoch")
def last_epoch_counts_calls():
    optimizer = torch.optim.SGD([weight()], lr=1.0)
    scheduler = lr_scheduler.StepLR(optimizer, 100)
    optimizer.step()
    scheduler.step()
    scheduler.step()
    assert scheduler.last_epoch == 2


@of("techniques/checkpoint.py set_state: torch.tensor(array)")
def tensor_copies():
    array = np.zeros(2, "float32")
    copied, shared = torch.tensor(array), torch.from_numpy(array)
    array[0] = 1
    assert (copied[0], shared[0]) == (0, 1)


@of("techniques/checkpoint.py set_state: optimizer.state[parameter]")
def load_state_dict_makes_a_new_state():
    optimizer = torch.optim.SGD([weight()], lr=1.0)
    before = optimizer.state
    optimizer.load_state_dict(optimizer.state_dict())
    assert optimizer.state is not before


# Optimizers


@of("techniques/optimizers.py choose_optimizer: torch.optim.AdamW, weight_decay")
def adamw_decays_by_default():
    assert torch.optim.AdamW([weight()]).defaults["weight_decay"] == 0.01
    assert torch.optim.Adam([weight()]).defaults["weight_decay"] == 0


@of("techniques/optimizers.py choose_optimizer: torch.optim.SGD,")
def momentum_remembers_gradients():
    parameter = weight(0.0)
    optimizer = torch.optim.SGD([parameter], lr=1.0, momentum=0.9)
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 0.1
    optimizer.step()
    assert torch.isclose(parameter, torch.tensor(-1 - 0.19)).item()


@of("techniques/optimizers.py choose_optimizer: torch.optim.RMSprop")
def rmsprop_has_alpha_and_no_fused_version():
    assert torch.optim.RMSprop([weight()]).defaults["alpha"] == 0.99
    raises(TypeError, lambda: torch.optim.RMSprop([weight()], fused=True))


@of("techniques/optimizers.py choose_optimizer: torch.optim.Adagrad")
def adagrads_sums_start_at_zero():
    optimizer = torch.optim.Adagrad([parameter := weight()])
    assert optimizer.state[parameter]["sum"] == 0
    assert optimizer.defaults["eps"] == 1e-10


@of(
    "techniques/weight_decay.py decay_weights: optimizer.register_step_pre_hook(shrink)",
    "techniques/weight_decay.py decay_weights: def shrink(optimizer",
    "techniques/clipping.py clip_gradients: def clip(optimizer",
)
def a_hook_gets_the_optimizer_before_each_step():
    seen = []
    parameter = weight(0.0)
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    optimizer.register_step_pre_hook(lambda *given: seen.append((given[0], parameter.item())))
    optimizer.step()
    assert seen == [(optimizer, 0.0)]
    coupled = weight(1.0, 0.0)
    torch.optim.Adam([coupled], lr=0.5, weight_decay=0.01).step()
    assert torch.isclose(coupled, torch.tensor(0.5), atol=1e-3).item()
    decoupled = weight(1.0, 0.0)
    torch.optim.AdamW([decoupled], lr=0.5, weight_decay=0.01).step()
    assert torch.isclose(decoupled, torch.tensor(0.995)).item()


@of("techniques/weight_decay.py decay_weights: @torch.no_grad()")
def weights_cannot_be_changed_while_recorded():
    raises(RuntimeError, lambda: weight().mul_(2))


@of("techniques/weight_decay.py decay_weights: for group in optimizer.param_groups")
def groups_have_settings_of_their_own():
    groups = [{"params": [weight()], "lr": 0.5}, {"params": [weight()]}]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.1]
    assert len(torch.optim.SGD([weight(), weight()]).param_groups) == 1


@of(
    "techniques/weight_decay.py decay_weights: parameter.mul_(",
    "techniques/clipping.py clip_gradients: gradient.mul_(scale)",
)
def mul_is_in_place():
    tensor = torch.ones(2)
    assert tensor.mul_(0.5) is tensor
    assert tensor.tolist() == [0.5, 0.5]


@of("techniques/clipping.py clip_gradients: nn.utils.get_total_norm(")
def the_norm_is_a_tensor_to_which_clip_grad_norm_adds():
    first, second = weight(0.0, 3.0), weight(0.0, 4.0)
    norm = nn.utils.get_total_norm([first.grad, second.grad])
    assert norm == 5
    nn.utils.clip_grad_norm_([first, second], 1.0)
    assert torch.equal(first.grad, torch.tensor([3.0]) * (1 / (norm + 1e-6)))


@of("techniques/clipping.py clip_gradients: parameter.grad for parameter")
def backward_has_left_gradients():
    parameter = nn.Parameter(torch.ones(2))
    parameter.sum().backward()
    assert parameter.grad.tolist() == [1, 1]


@of(
    "techniques/accumulation.py Accumulating: class Accumulating(torch.optim.Optimizer)",
    "techniques/precision.py Scaling: class Scaling(torch.optim.Optimizer)",
)
def schedulers_insist_on_an_optimizer():
    alike = SimpleNamespace(param_groups=[{"lr": 1.0}])
    raises(TypeError, lambda: lr_scheduler.StepLR(alike, 1), "not an Optimizer")


@of("techniques/accumulation.py Accumulating: self.param_groups, self.state")
def an_optimizer_has_groups_and_state():
    optimizer = torch.optim.SGD([parameter := weight()], momentum=0.9)
    optimizer.step()
    assert optimizer.param_groups[0]["params"] == [parameter]
    assert "momentum_buffer" in optimizer.state[parameter]


@of(
    "techniques/accumulation.py Accumulating: def zero_grad",
    "techniques/accumulation.py Accumulating: parameter.grad /= ",
)
def two_means_add_up_to_twice_the_mean():
    parameter = nn.Parameter(torch.ones(1))
    for _ in range(2):
        (parameter * torch.tensor([1.0, 3.0])).mean().backward()
    assert parameter.grad == 4


# Activations and layers


@of('techniques/activations.py imports: "leaky-relu": nn.LeakyReLU')
def leaky_relu_lets_a_hundredth_through():
    assert torch.isclose(nn.LeakyReLU()(-torch.ones(1)), torch.tensor(-0.01)).item()


@of('techniques/activations.py imports: "gelu": nn.GELU')
def gelu_is_exact():
    numbers = torch.linspace(-3, 3, 7)
    exact = numbers * (1 + torch.erf(numbers / 2**0.5)) / 2
    assert torch.allclose(nn.GELU()(numbers), exact, atol=1e-6)
    assert not torch.allclose(nn.GELU(approximate="tanh")(numbers), exact, atol=1e-6)


@of('techniques/layers.py imports: "gamma": layer.weight')
def what_scales_is_called_weight():
    for layer in (nn.BatchNorm1d(2), nn.LayerNorm(2)):
        assert (layer.weight == 1).all()
        assert (layer.bias == 0).all()


@of("techniques/layers.py imports: layer.running_mean")
def a_buffer_is_no_parameter():
    layer = nn.BatchNorm1d(2)
    assert "running_mean" in layer.state_dict()
    assert "running_mean" not in dict(layer.named_parameters())


@of("techniques/layers.py build_network: nn.Linear(fan_in, fan_out, bias=")
def no_bias_is_none():
    assert nn.Linear(2, 2, bias=False).bias is None


@of("techniques/layers.py build_network: nn.BatchNorm1d(fan_out)")
def batch_norm_replaces_a_tenth_and_goes_by_the_mode():
    layer = nn.BatchNorm1d(1)
    assert (layer.momentum, layer.eps) == (0.1, 1e-5)
    rows = torch.tensor([[10.0], [30.0]])
    assert torch.allclose(layer(rows), torch.tensor([[-1.0], [1.0]]))
    assert torch.isclose(layer.running_mean, torch.tensor(2.0)).item()
    layer.eval()
    mean, variance = layer.running_mean, layer.running_var
    expected = (rows - mean) / (variance + 1e-5).sqrt()
    assert torch.allclose(layer(rows), expected)


@of("techniques/layers.py build_network: nn.Dropout(dropout)")
def dropout_is_identity_after_eval():
    layer = nn.Dropout(0.25)
    dropped = (layer(torch.ones(10_000)) == 0).float().mean()
    assert 0.2 < dropped < 0.3
    assert (layer.eval()(torch.ones(100)) == 1).all()


@of("techniques/layers.py build_network: return nn.Sequential(*stack")
def a_sequential_takes_arguments():
    assert len(nn.Sequential(nn.ReLU(), nn.ReLU())) == 2


# Losses


@of("techniques/loss.py make_loss: torch.tensor(class_weights")
def pythons_numbers_are_float32_and_numpys_float64():
    assert torch.tensor([1.0]).dtype == torch.float32
    assert torch.tensor(np.array([1.0])).dtype == torch.float64


@of("techniques/loss.py make_loss: functional.one_hot(labels")
def one_hot_is_int64_and_refused():
    logits, labels = torch.ones(2, 3), torch.tensor([0, 2])
    one_hot = functional.one_hot(labels, 3)
    assert (one_hot.shape, one_hot.dtype) == ((2, 3), torch.int64)
    raises(RuntimeError, lambda: functional.cross_entropy(logits, one_hot), "floating point")
    functional.cross_entropy(logits, one_hot.float())


@of(
    "techniques/loss.py make_loss: losses = functional.cross_entropy(",
    'techniques/loss.py make_loss: reduction="none"',
)
def both_kinds_of_labels_are_smoothed_alike():
    logits, labels = torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([0, 1])
    settings = {"label_smoothing": 0.1, "reduction": "none"}
    losses = functional.cross_entropy(logits, labels, **settings)
    vectors = functional.one_hot(labels, 2).float()
    assert losses.shape == (2,)
    assert torch.allclose(losses, functional.cross_entropy(logits, vectors, **settings))
    assert not torch.allclose(losses, functional.cross_entropy(logits, labels, reduction="none"))


@of("techniques/loss.py make_loss: [labels]  # DIFF-37")
def a_tensor_is_indexed_with_labels():
    assert torch.tensor([1.0, 2.0])[torch.tensor([1, 1, 0])].tolist() == [2, 2, 1]


# Schedules


def rates(make, steps: int) -> list[float]:
    """The learning rate before each of so many steps, from 1 on."""
    optimizer = torch.optim.SGD([weight()], lr=1.0)
    scheduler, seen = make(optimizer), []
    for _ in range(steps):
        seen.append(round(optimizer.param_groups[0]["lr"], 6))
        optimizer.step()
        scheduler.step()
    return seen


@of("techniques/schedule.py follow_schedule: lr_scheduler.StepLR(")
def step_multiplies_after_so_many_of_its_steps():
    assert rates(lambda each: lr_scheduler.StepLR(each, 2, 0.1), 5) == [1, 1, 0.1, 0.1, 0.01]


@of("techniques/schedule.py follow_schedule: lr_scheduler.CosineAnnealingLR(")
def cosine_falls_over_so_many_steps():
    assert rates(lambda each: lr_scheduler.CosineAnnealingLR(each, 2), 3) == [1, 0.5, 0]


@of("techniques/schedule.py follow_schedule: lr_scheduler.LinearLR(")
def linear_goes_from_factor_to_factor():
    made = rates(lambda each: lr_scheduler.LinearLR(each, 0.25, 1.0, 3), 5)
    assert made == [0.25, 0.5, 0.75, 1, 1]


@of("techniques/schedule.py follow_schedule: for scheduler in schedulers")
def schedulers_multiply():
    optimizer = torch.optim.SGD([weight()], lr=1.0)
    both = [lr_scheduler.StepLR(optimizer, 1, factor) for factor in (0.5, 0.1)]
    optimizer.step()
    for scheduler in both:
        scheduler.step()
    assert np.isclose(optimizer.param_groups[0]["lr"], 0.05)
    parts = [lr_scheduler.ConstantLR(optimizer, 0.5, 9), lr_scheduler.ConstantLR(optimizer, 1.0, 9)]
    assert lr_scheduler.SequentialLR(optimizer, parts, [1])


@of("techniques/schedule.py follow_schedule: register_step_post_hook(")
def a_hook_is_called_after_each_step():
    parameter, seen = weight(0.0), []
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    optimizer.register_step_post_hook(lambda *_: seen.append(parameter.item()))
    optimizer.step()
    assert seen == [-1.0]
    optimizer.param_groups[0]["lr"] = 0.5
    optimizer.step()
    assert parameter.item() == -1.5


@of('techniques/schedule.py learning_rate: optimizer.param_groups[0]["lr"]')
def every_group_has_a_rate():
    assert torch.optim.SGD([weight()], lr=0.5).param_groups[0]["lr"] == 0.5


@of(
    "techniques/schedule.py reduce_on_plateau: lr_scheduler.ReduceLROnPlateau(",
    "techniques/schedule.py reduce_on_plateau: scheduler.step(epoch.validation_loss)",
    "techniques/schedule.py reduce_on_plateau: patience=config.schedule_epochs - 1",
)
def the_rate_drops_after_more_than_patience():
    optimizer = torch.optim.SGD([weight()], lr=1.0)
    scheduler, seen = lr_scheduler.ReduceLROnPlateau(optimizer, patience=1), []
    for _ in range(4):
        scheduler.step(5.0)
        seen.append(round(optimizer.param_groups[0]["lr"], 6))
    assert seen == [1, 1, 0.1, 0.1]
    raises(TypeError, scheduler.step)


@of('techniques/schedule.py reduce_on_plateau: threshold_mode="abs"')
def the_threshold_is_relative_by_default():
    optimizer = torch.optim.SGD([weight()], lr=1.0)
    for mode, rate in (("rel", 0.1), ("abs", 1.0)):
        optimizer.param_groups[0]["lr"] = 1.0
        settings = {} if mode == "rel" else {"threshold_mode": mode}
        scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, **settings)
        # Lower by a thousandth of 1, but by less than a ten-thousandth of itself.
        for loss in (100.0, 100 - 1e-3):
            scheduler.step(loss)
        assert np.isclose(optimizer.param_groups[0]["lr"], rate), mode


# Precision


@of("techniques/precision.py use_mixed_precision: *body, head = model")
def a_sequential_can_be_unpacked():
    *body, head = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.GELU())
    assert [type(each) for each in body] == [nn.ReLU, nn.Tanh]
    assert type(head) is nn.GELU


@of("techniques/precision.py use_mixed_precision: torch.autocast(device.type")
def autocast_chooses_by_operation():
    layer = nn.Linear(2, 2)
    half = torch.ones(1, 2, dtype=torch.bfloat16)

    @torch.autocast("cpu", torch.bfloat16)
    def compute():
        loss = functional.cross_entropy(half, torch.tensor([0]))
        return layer(torch.ones(1, 2)), half.sum(), half.softmax(1), half.float().sum(), loss

    types = [each.dtype for each in compute()]
    assert types == [*[torch.bfloat16] * 3, *[torch.float32] * 2]
    assert layer.weight.dtype == torch.float32


@of("techniques/precision.py use_mixed_precision: head.register_forward_pre_hook(")
def a_pre_hook_replaces_the_input():
    layer = nn.ReLU()
    layer.register_forward_pre_hook(lambda _, inputs: inputs[0] + 1)
    assert layer(torch.ones(1)) == 2


@of(
    "techniques/precision.py Scaling: torch.amp.GradScaler(",
    "techniques/precision.py Scaling: self.scaler.step(",
    "techniques/precision.py Scaling: self.scaler.update()",
)
def the_scaler_divides_skips_halves_and_doubles():
    parameter = weight(0.0, 8.0)
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    scaler = torch.amp.GradScaler("cpu", 8.0, growth_interval=1)
    scaler.scale(torch.ones(1))
    scaler.step(optimizer)
    scaler.update()
    assert parameter.item() == -1
    assert scaler.get_scale() == 16
    parameter.grad = torch.full((1,), float("inf"))
    scaler.step(optimizer)
    scaler.update()
    assert parameter.item() == -1
    assert scaler.get_scale() == 8


@of('techniques/precision.py Scaling: flag = "_step_supports_amp_scaling"')
def a_fused_step_is_always_called():
    for fused, wrapped, calls in ((True, False, 1), (False, False, 0), (True, True, 0)):
        parameter, seen = weight(0.0, float("inf")), []
        optimizer = torch.optim.Adam([parameter], fused=fused)
        if wrapped:
            scaler = Scaling(optimizer, torch.device("cpu")).scaler
        else:
            scaler = torch.amp.GradScaler("cpu")
        optimizer.register_step_pre_hook(lambda *_, seen=seen: seen.append(1))
        scaler.scale(torch.ones(1))
        scaler.step(optimizer)
        assert len(seen) == calls, (fused, wrapped)
        assert parameter.item() == 0


@of("techniques/precision.py scale_gradients: model.register_full_backward_pre_hook(")
def a_backward_hook_replaces_the_gradient():
    model = nn.Sequential(nn.Linear(1, 1))
    model.register_full_backward_pre_hook(lambda _, gradients: (gradients[0] * 3,))
    model(torch.ones(1, 1)).sum().backward()
    assert model[0].bias.grad == 3


# Pipeline


@of("techniques/pipeline.py imports: from PIL import Image")
def to_tensor_takes_images_and_arrays():
    pixels = np.full((2, 2), 255, "uint8")
    for each in (pixels, Image.fromarray(pixels)):
        assert (transforms.ToTensor()(each) == 1).all()


@of(
    "techniques/pipeline.py imports: import DataLoader, Dataset",
    "techniques/pipeline.py SingleImages: class SingleImages(Dataset)",
)
def a_dataset_needs_a_length_and_rows():
    class Numbers(data.Dataset):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, row: int) -> int:
            return row * 10

    assert [batch.tolist() for batch in data.DataLoader(Numbers(), 2)] == [[0, 10], [20]]


@of("techniques/pipeline.py SingleImages: transforms.ToTensor()")
def to_tensor_puts_the_channel_first_from_0_to_1():
    tensor = transforms.ToTensor()(Image.fromarray(np.full((28, 28), 51, "uint8")))
    assert (tensor.shape, tensor.dtype) == ((1, 28, 28), torch.float32)
    assert torch.allclose(tensor, torch.tensor(0.2))
    assert torch.allclose(transforms.Normalize(0.1, 0.5)(tensor), torch.tensor(0.2))


@of("techniques/pipeline.py SingleImages: transforms.Compose(steps)")
def compose_calls_in_turn():
    assert transforms.Compose([lambda x: x + 1, lambda x: x * 2, str])(1) == "4"


@of("techniques/pipeline.py make_pipeline: batch_sampler=rows,")
def workers_are_processes_anew_in_every_epoch():
    loader = data.DataLoader(range(2), batch_sampler=[[0], [1]], num_workers=1)
    assert not loader.persistent_workers
    first, second = iter(loader), iter(loader)
    assert first._workers[0].pid != second._workers[0].pid
    assert [batch.tolist() for batch in first] == [[0], [1]]
    list(second)


@of("techniques/pipeline.py make_pipeline: part.to(device, non_blocking=pinned)")
def to_may_not_wait():
    assert torch.ones(1).to("meta", non_blocking=True).device.type == "meta"


# The rest


@of("run.py build: set_flush_denormal(")
def flushing_denormal_numbers_makes_them_zero():
    tiny = torch.tensor(1e-38)
    assert (tiny * 0.1).item() > 0
    if torch.set_flush_denormal(True):
        flushed = (tiny * 0.1).item()
        torch.set_flush_denormal(False)
        assert flushed == 0


@of("run.py make_model: torch.manual_seed(")
def the_seed_is_pytorchs_only():
    drawn = []
    for _ in range(2):
        torch.manual_seed(0)
        drawn.append((torch.rand(1).item(), np.random.random()))
    assert drawn[0][0] == drawn[1][0]
    assert drawn[0][1] != drawn[1][1]


@of("run.py make_model: model.to(device)")
def moving_a_model_keeps_its_parameters():
    layer = nn.Linear(2, 2)
    before = [id(each) for each in layer.parameters()]
    adam, adagrad = (kind(layer.parameters()) for kind in (torch.optim.Adam, torch.optim.Adagrad))
    layer.to(torch.float64)
    assert before == [id(each) for each in layer.parameters()]
    assert not adam.state
    assert adagrad.state[layer.weight]["sum"].dtype == torch.float32


@of("predict.py restore: model.to(device)")
def a_model_moves_in_place():
    layer = nn.Linear(2, 2)
    assert layer.to(torch.float64) is layer
    assert layer.weight.dtype == torch.float64


@of("run.py run: framework_version=")
def the_version_is_text():
    assert torch.__version__.count(".") >= 2


@of("device.py choose_device: torch.set_default_dtype(")
def the_default_type_is_that_of_new_weights():
    try:
        torch.set_default_dtype(torch.float64)
        assert nn.Linear(1, 1).weight.dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@of("device.py choose_device: torch.backends.cuda.matmul.allow_tf32")
def full_float32_is_the_default():
    assert torch.backends.cuda.matmul.allow_tf32 is False
    assert torch.get_float32_matmul_precision() == "highest"


@of(
    "device.py choose_device: torch.cuda.is_available()",
    "device.py choose_device: torch.backends.mps.is_available()",
)
def availability_can_be_asked():
    assert isinstance(torch.cuda.is_available(), bool)
    assert isinstance(torch.backends.mps.is_available(), bool)


@of("device.py choose_device: return torch.device(name)")
def a_device_is_a_small_object():
    device = torch.device("cuda")
    assert device.type == "cuda"
    assert torch.ones(1).device.type == "cpu"


@of("export.py imports: IMAGES = (torch.zeros", "export.py imports: SHAPES = (")
def a_named_dimension_takes_any_batch():
    example, shapes = (torch.zeros(2, 3),), ({0: torch.export.Dim("batch")},)
    program = torch.export.export(nn.Linear(3, 1), example, dynamic_shapes=shapes).module()
    assert program(torch.zeros(7, 3)).shape == (7, 1)
    fixed = torch.export.export(nn.Linear(3, 1), example).module()
    raises(Exception, lambda: fixed(torch.zeros(7, 3)))
    one = (torch.zeros(1, 3),)
    raises(
        Exception,
        lambda: torch.export.export(nn.Linear(3, 1), one, dynamic_shapes=shapes),
        "specialized",
    )


@of(
    "export.py export_program: program = torch.export.export(",
    "export.py export_program: torch.export.load(path).module()",
    "export.py predict_converted: return converted(",
)
def an_exported_program_is_loaded_and_called():
    layer, file = nn.Linear(3, 1), io.BytesIO()
    program = torch.export.export(layer, (torch.zeros(1, 3),))
    assert isinstance(program, torch.export.ExportedProgram)
    torch.export.save(program, file)
    file.seek(0)
    ones = torch.ones(1, 3)
    assert torch.equal(torch.export.load(file).module()(ones), layer(ones))


@of(
    "export.py export_native: torch.save(model.state_dict()",
    'export.py export_native: copy.deepcopy(model).to("meta")',
    "export.py export_native: loaded.load_state_dict(",
)
def a_state_dict_is_weights_by_name():
    model = build_model((2, 2))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.pt")
        torch.save(model.state_dict(), path)
        read = torch.load(path, weights_only=True)
        assert all(isinstance(each, torch.Tensor) for each in read.values())
        torch.save(model, path)
        raises(Exception, lambda: torch.load(path, weights_only=True), "weights_only")
    empty = copy.deepcopy(model).to("meta")
    assert empty[0].weight.shape == model[0].weight.shape
    raises(NotImplementedError, lambda: empty[0].weight.cpu())
    empty.load_state_dict(read, assign=True)
    assert empty[0].weight.data_ptr() == read["0.weight"].data_ptr()


@of("export.py export_onnx: model.eval(),  # DIFF-10")
def the_mode_is_written_down():
    layer, ones = nn.Sequential(nn.Dropout(0.5)), torch.ones(100)
    program = torch.export.export(layer.eval(), (ones,)).module()
    assert torch.equal(program(ones), ones)


@of(
    "export.py export_int8: quantized = torch.ao.quantization",
    'export.py export_int8: warnings.simplefilter("ignore")',
    "export.py export_int8: quantized.load_state_dict(",
)
def quantizing_replaces_linear_layers():
    model = build_model((2, 2)).eval()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        quantized = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, torch.qint8)
    assert any("torchao" in str(each.message) for each in said)
    assert quantized is not model
    assert quantized[0].weight().dtype == torch.qint8
    assert type(model[0]) is nn.Linear
    assert not quantized.load_state_dict(quantized.state_dict()).missing_keys


@of(
    "summary.py summarize: for weights in layer.parameters()",
)
def parameters_are_counted_frozen_or_not():
    layer = nn.BatchNorm1d(3)
    layer.weight.requires_grad = False
    assert sum(each.numel() for each in layer.parameters()) == 6
    assert len(list(layer.buffers())) == 3


@of("summary.py summarize: outputs = torch.zeros(1")
def a_module_does_not_know_its_outputs_shape():
    assert not hasattr(nn.ReLU(), "output")
    assert nn.Linear(3, 2)(torch.zeros(1, 3)).shape == (1, 2)


@of("summary.py serialize_graph: traced, _ = graph(")
def tensorboards_writer_traces_with_jit():
    sys.modules["tensorboard.compat.notf"] = ModuleType("tensorboard.compat.notf")
    from torch.utils.tensorboard._pytorch_graph import graph

    with patch("torch.jit.trace", wraps=torch.jit.trace) as tracer, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph(nn.Linear(2, 2), torch.zeros(1, 2))
    assert tracer.called


@of("techniques/activations.py choose_activation: parameters: of the function;")
def without_parameters_each_takes_its_default():
    assert nn.LeakyReLU().negative_slope == 0.01


@of("techniques/schedule.py imports: from torch.optim import lr_scheduler")
def schedulers_change_the_rate_in_the_optimizer():
    optimizer = torch.optim.SGD([weight()], lr=1.0)
    scheduler = lr_scheduler.StepLR(optimizer, 1, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.5


@of("techniques/layers.py build_network: in pairwise((")
def a_linear_layer_wants_both_sizes():
    raises(TypeError, lambda: nn.Linear(128))


@of("techniques/pipeline.py SingleImages: self.prepare(Image.fromarray(")
def rows_are_prepared_in_python():
    asked = []

    class Noting(data.Dataset):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, row: int) -> int:
            asked.append(row)
            return row

    list(data.DataLoader(Noting(), 3))
    assert asked == [0, 1, 2]


@of("techniques/accumulation.py Accumulating: self.optimizer.step()")
def hooks_belong_to_the_optimizer_they_were_registered_with():
    inner, seen = torch.optim.SGD([weight()], lr=1.0), []
    inner.register_step_pre_hook(lambda *_: seen.append(1))
    outer = Accumulating(inner, 2)
    for _ in range(4):
        outer.step()
    assert len(seen) == 2


@of("techniques/accumulation.py accumulate: return Accumulating(")
def the_old_object_updates_at_every_step():
    parameter = weight(0.0)
    inner = torch.optim.SGD([parameter], lr=1.0)
    outer = Accumulating(inner, 2)
    outer.step()
    assert parameter.item() == 0
    inner.step()
    assert parameter.item() == -1


@of(
    "export.py export_onnx: torch.onnx.export(",
    "export.py export_onnx: external_data=False",
)
def the_onnx_exporter_keeps_weights_within_the_file():
    assert importlib.util.find_spec("onnxscript")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        settings = {"dynamic_shapes": ({0: torch.export.Dim("batch")},), "verbose": False}
        example = (torch.zeros(2, 3),)
        torch.onnx.export(nn.Linear(3, 2).eval(), example, path, external_data=False, **settings)
        assert [each.name for each in Path(folder).iterdir()] == ["model.onnx"]


@of("profile.py profile_epoch: with torch.profiler.profile()")
def the_profiler_watches_the_block():
    with torch.profiler.profile() as profiler:
        torch.ones(2) @ torch.ones(2)
    assert any("aten::dot" in event.key for event in profiler.key_averages())


@of("profile.py profile_epoch: for event in profiler.key_averages()")
def own_times_leave_out_what_was_called():
    with torch.profiler.profile() as profiler:
        nn.Linear(64, 64)(torch.ones(64, 64))
    events = {event.key: event for event in profiler.key_averages()}
    assert len(events) == len(profiler.key_averages())
    outer = events["aten::linear"]
    assert outer.self_cpu_time_total < outer.cpu_time_total


@of("profile.py profile_epoch: profiler.export_chrome_trace(")
def a_timeline_is_written_for_chrome():
    with torch.profiler.profile() as profiler:
        torch.ones(2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "trace.json")
        profiler.export_chrome_trace(str(path))
        assert '"traceEvents"' in path.read_text()


@of("trace.py compute_gradients: torch.autograd.grad(")
def grad_returns_and_adds_nothing():
    layer = nn.Linear(2, 1)
    gradients = torch.autograd.grad(layer(torch.ones(1, 2)).sum(), tuple(layer.parameters()))
    assert [each.shape for each in gradients] == [(1, 2), (1,)]
    assert layer.weight.grad is None


@of('trace.py compute_gradients: "logits": logits.detach()')
def numpy_refuses_what_carries_a_record():
    logits = nn.Linear(2, 1)(torch.ones(1, 2))
    raises(RuntimeError, logits.numpy, "detach")
    assert logits.detach().numpy().shape == (1, 1)


@of("trace.py compute_gradients: gradient.cpu().numpy().T")
def gradients_have_the_shape_of_their_weights():
    layer = nn.Linear(3, 2)
    layer(torch.ones(1, 3)).sum().backward()
    assert layer.weight.grad.shape == layer.weight.shape == (2, 3)


@of("floor.py measure_floor: time_epochs(torch.mm")
def mm_can_write_to_what_is_there():
    left, right, out = torch.ones(2, 3), torch.ones(3, 4), torch.empty(2, 4)
    assert torch.mm(left, right, out=out) is out
    assert (out == 3).all()


@of("floor.py device_speeds: torch.randn(3, SIDE")
def unpacking_gives_one_matrix_after_the_other():
    first, *rest = torch.randn(3, 2, 2)
    assert first.shape == (2, 2)
    assert len(rest) == 2


@of("floor.py device_speeds: target.copy_(source)")
def copy_is_in_place():
    target, source = torch.zeros(2), torch.ones(2)
    assert target.copy_(source) is target
    assert target.sum() == 2
