"""What the notes say of PyTorch, file by file in reading order; more in `pytorch_techniques`."""

import itertools
import warnings
from unittest.mock import patch

import numpy as np
import torch
import torch._dynamo
from torch import nn
from torch.func import functional_call, grad_and_value
from torch.nn import functional
from torch.utils import data

from pytorch_impl import compiled
from pytorch_impl.data import make_batches
from pytorch_impl.model import build_model, get_weights, named_tensors, set_weights
from pytorch_impl.optimizer import make_optimizer
from tests.support.notes import pytorch_techniques
from tests.support.notes.registry import Checks, raises

CHECKS = Checks()
of = CHECKS.of

ROWS, FEATURES, KINDS = 6, 4, 3
images = torch.linspace(-1, 1, ROWS * FEATURES).reshape(ROWS, FEATURES)
labels = torch.arange(ROWS) % KINDS


def learned() -> tuple[nn.Linear, torch.Tensor]:
    """A layer, and a loss whose gradients were not yet computed."""
    torch.manual_seed(0)
    layer = nn.Linear(FEATURES, KINDS)
    return layer, functional.cross_entropy(layer(images), labels)


# Imports


@of("data.py imports: from torch.utils.data import")
def a_dataset_gives_rows_of_each_tensor():
    (row, label) = data.TensorDataset(images, labels)[2]
    assert torch.equal(row, images[2])
    assert label == labels[2]
    raises(AssertionError, lambda: data.TensorDataset(images, labels[:2]))


@of("model.py imports: from torch import nn")
def layers_are_modules():
    assert issubclass(nn.Linear, nn.Module)
    assert issubclass(nn.Sequential, nn.Module)


@of(
    "loss.py imports: from torch.nn import functional",
    "predict.py imports: from torch.nn import functional",
)
def functions_have_no_weights():
    assert not isinstance(functional.relu, nn.Module)
    assert functional.cross_entropy(images, labels).shape == ()
    assert callable(functional.relu)


# Data


@of(
    "minimal.py data: images = torch.from_numpy",
    "data.py to_tensors: arrays = torch.from_numpy(images)",
)
def from_numpy_shares_memory():
    array = np.zeros(3, "float32")
    tensor = torch.from_numpy(array)
    array[0] = 7
    assert tensor[0] == 7
    assert tensor.device.type == "cpu"


@of("data.py to_tensors: return arrays[0].to(device)")
def to_does_nothing_if_it_is_there():
    assert images.to("cpu") is images
    assert images.to("meta") is not images


@of("minimal.py data: rows = data.BatchSampler(")
def a_batch_sampler_gives_lists_and_keeps_the_rest():
    sampler = data.BatchSampler(data.RandomSampler(range(100)), 64, False)
    first, second = list(sampler), list(sampler)
    assert [len(rows) for rows in first] == [64, 36]
    assert isinstance(first[0], list)
    assert sorted(itertools.chain(*first)) == list(range(100))
    assert first != second


@of("minimal.py data: train_set = data.TensorDataset")
def a_dataset_can_be_indexed_with_rows():
    chosen = data.TensorDataset(images, labels)[[3, 1]]
    assert torch.equal(chosen[0], images[[3, 1]])
    assert torch.equal(chosen[1], labels[[3, 1]])


class Counting(data.TensorDataset):
    """Remembers what it was asked for."""

    def __getitem__(self, index):
        self.asked = [*getattr(self, "asked", []), index]
        return super().__getitem__(index)


@of("minimal.py data: batches = data.DataLoader(", "data.py make_batches: return DataLoader(")
def without_a_batch_size_the_sampler_gives_whole_batches():
    rows = Counting(images, labels)
    loader = data.DataLoader(rows, sampler=[[0, 1, 2], [3, 4]], batch_size=None)
    assert [len(batch[0]) for batch in loader] == [3, 2]
    assert rows.asked == [[0, 1, 2], [3, 4]]
    assert loader.num_workers == 0
    # The usual way asks for each row alone.
    single = Counting(images, labels)
    list(data.DataLoader(single, batch_size=3))
    assert single.asked == list(range(ROWS))


@of("data.py make_batches: rows = torch.from_numpy(order)")
def split_gives_views_the_last_one_shorter():
    order = torch.arange(10)
    parts = order.split(4)
    assert [len(part) for part in parts] == [4, 4, 2]
    assert parts[1].untyped_storage().data_ptr() == order.untyped_storage().data_ptr()


# The model


@of(
    "minimal.py model: nn.Linear(784, 128)",
    "model.py build_model: nn.Linear(IMAGE_SIZE, hidden[0])",
)
def weights_are_made_at_once_and_stored_out_by_in():
    assert nn.Linear(784, 128).weight.shape == (128, 784)
    raises(TypeError, lambda: nn.Linear(128))


@of("minimal.py model: compute_loss = nn.CrossEntropyLoss()")
def the_loss_expects_logits_and_takes_the_mean():
    expected = -torch.log_softmax(images, 1)[range(ROWS), labels % FEATURES].mean()
    assert torch.isclose(nn.CrossEntropyLoss()(images, labels), expected)


@of("minimal.py model: optimizer = torch.optim.Adam(")
def the_optimizer_wants_the_weights():
    raises(TypeError, lambda: torch.optim.Adam())
    raises(ValueError, lambda: torch.optim.Adam([]))


@of("model.py build_model: return nn.Sequential(")
def a_sequential_calls_its_layers_in_turn():
    layers = nn.Linear(FEATURES, 2), nn.ReLU()
    assert torch.equal(nn.Sequential(*layers)(images), layers[1](layers[0](images)))
    raises(TypeError, lambda: nn.Sequential(list(layers)))


@of("model.py build_model: layer.weight.T")
def the_transposed_weight_is_a_view():
    layer = nn.Linear(FEATURES, KINDS)
    with torch.no_grad():
        layer.weight.T[0, 1] = 5.0
    assert layer.weight[1, 0] == 5
    assert layer.weight.T.shape == (FEATURES, KINDS)


@of("model.py named_tensors: for layer in model:")
def a_sequential_yields_its_layers():
    assert [type(layer) for layer in build_model((2, 2))][:2] == [nn.Linear, nn.ReLU]


@of("model.py named_tensors: if tensor is not None")
def a_layer_without_bias_has_none():
    assert nn.Linear(2, 2, bias=False).bias is None
    raises(AttributeError, lambda: nn.LSTM(2, 2, bias=False).bias_ih_l0)
    assert nn.LSTM(2, 2).bias_ih_l0 is not None


@of("model.py get_weights: tensor.detach()")
def detached_numpy_shares_memory_until_copied():
    layer = nn.Linear(2, 2)
    raises(RuntimeError, lambda: layer.weight.numpy())
    shared = layer.weight.detach().cpu().numpy()
    copied = shared.T.copy(order="C")
    with torch.no_grad():
        layer.weight.fill_(3)
    assert (shared == 3).all()
    assert not (copied == 3).any()
    assert copied.flags.c_contiguous


@of("model.py set_weights: @torch.no_grad()")
def writing_to_a_weight_in_place_needs_no_grad():
    raises(RuntimeError, lambda: nn.Linear(2, 2).weight.fill_(0), "leaf")
    model = build_model((2, 2))
    set_weights(model, get_weights(model))


@of("model.py set_weights: tensors[name].copy_(")
def copy_keeps_the_tensor_and_changes_its_values():
    weight = torch.zeros(2)
    other, place = weight, weight.data_ptr()
    assert weight.copy_(torch.ones(2)) is other
    assert other.sum() == 2
    assert other.data_ptr() == place
    assert next(iter(named_tensors(build_model((2, 2))))) == "dense_1/kernel"


# The loss


@of(
    "loss.py compute_loss: return functional.cross_entropy(",
    "minimal.py learning: loss = compute_loss(logits",
)
def cross_entropy_takes_the_prediction_first_and_contains_softmax():
    logits = images[:, :KINDS]
    expected = -torch.log_softmax(logits, 1)[range(ROWS), labels].mean()
    assert torch.isclose(functional.cross_entropy(logits, labels), expected)
    raises(Exception, lambda: functional.cross_entropy(labels, logits))


@of("loss.py count_correct: logits.argmax(dim=1)")
def a_sum_of_booleans_is_int64():
    found = images[:, :KINDS].argmax(dim=1) == labels
    assert found.dtype == torch.bool
    assert found.sum().dtype == torch.int64


@of(
    "minimal.py testing: torch.argmax(logits, dim=1)",
    "predict.py predict_trained: functional.softmax(logits, dim=1)",
)
def dim_is_the_axis():
    assert torch.equal(torch.argmax(images, dim=1), torch.from_numpy(images.numpy().argmax(axis=1)))
    assert torch.allclose(functional.softmax(images, dim=1).sum(1), torch.ones(ROWS))


# The optimizer


@of("optimizer.py make_optimizer: return torch.optim.Adam(")
def fused_adam_is_adam_but_for_rounding():
    found = []
    for fused in (True, False):
        layer, loss = learned()
        loss.backward()
        optimizer = torch.optim.Adam(layer.parameters(), fused=fused)
        optimizer.step()
        assert optimizer.defaults["eps"] == 1e-8
        found.append(layer.weight.detach())
    assert torch.allclose(*found, atol=1e-7)


@of("optimizer.py make_optimizer: model.parameters(), lr=")
def adams_means_are_made_in_the_first_step():
    layer, loss = learned()
    optimizer = make_optimizer(layer, 0.001, "exact")
    assert not optimizer.state
    loss.backward()
    optimizer.step()
    assert set(optimizer.state[layer.weight]) == {"step", "exp_avg", "exp_avg_sq"}
    assert torch.optim.Adagrad(layer.parameters()).state


# Learning


@of("minimal.py learning: optimizer.zero_grad()", "train.py train_step: optimizer.zero_grad()")
def backward_adds_to_grad():
    layer, loss = learned()
    loss.backward(retain_graph=True)
    once = layer.weight.grad.clone()
    loss.backward()
    assert torch.allclose(layer.weight.grad, 2 * once)
    torch.optim.SGD(layer.parameters()).zero_grad()
    assert layer.weight.grad is None or not layer.weight.grad.any()


@of(
    "minimal.py learning: logits = model(images)",
    "train.py train_step: logits = model(images)",
    "trace.py compute_gradients: logits = model(images)",
)
def what_is_computed_with_a_weight_is_recorded():
    layer, _ = learned()
    assert layer.weight.requires_grad
    assert layer(images).requires_grad
    assert not (images * 2).requires_grad
    assert nn.Sequential(nn.Dropout()).training


@of("minimal.py learning: loss.backward()", "train.py train_step: loss.backward()")
def backward_leaves_gradients_and_returns_nothing():
    layer, loss = learned()
    assert layer.weight.grad is None
    assert loss.backward() is None
    assert layer.weight.grad.shape == layer.weight.shape


@of("minimal.py learning: optimizer.step()", "train.py train_step: optimizer.step()")
def step_reads_grad_and_changes_in_place():
    weight = nn.Parameter(torch.ones(2))
    weight.grad, place = torch.ones(2), weight.data_ptr()
    torch.optim.SGD([weight], lr=0.5).step()
    assert weight.tolist() == [0.5, 0.5]
    assert weight.data_ptr() == place


@of("minimal.py learning: batch_losses = [")
def item_is_pythons_number():
    assert isinstance(torch.ones(1).item(), float)
    raises(RuntimeError, lambda: torch.ones(2).item())


@of("train.py train_step: return loss.detach()")
def detach_drops_the_record():
    _, loss = learned()
    assert loss.grad_fn is not None
    assert loss.detach().grad_fn is None


@of(
    "minimal.py testing: model.eval()",
    "train.py train_epoch: model.train()",
    "evaluate.py predict: model.eval()",
    "evaluate.py evaluate: model.eval()",
    "compiled.py train_epoch: model.train()",
)
def the_mode_is_a_property_of_the_model():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    assert model.training
    model.eval()
    model(torch.ones(1, 2))
    assert not model.training
    assert not model[1].training
    model.train()
    assert model[1].training


@of(
    "minimal.py testing: with torch.inference_mode()",
    "evaluate.py evaluate: @torch.inference_mode()",
    "export.py predict_converted: @torch.inference_mode()",
    "summary.py summarize: @torch.inference_mode()",
    "floor.py measure_floor: with torch.inference_mode()",
)
def nothing_is_recorded_in_inference_mode():
    layer, _ = learned()
    with torch.inference_mode():
        assert not layer(images).requires_grad


@of("evaluate.py predict: @torch.inference_mode()")
def inference_tensors_cannot_be_saved_for_backward():
    weight = torch.ones(2, requires_grad=True)
    with torch.inference_mode():
        found = torch.ones(2)
    raises(RuntimeError, lambda: weight * found, "Inference tensors")
    (weight + found).sum().backward()
    with torch.no_grad():
        plain = torch.ones(2)
    assert (weight * plain).requires_grad


@of("train.py train_epoch: return torch.stack(losses)")
def stack_makes_one_tensor_of_scalars():
    assert torch.stack([torch.tensor(1.0), torch.tensor(2.0)]).tolist() == [1, 2]


@of("train.py train: losses.cpu().numpy()")
def cpu_fetches():
    assert torch.ones(2).cpu().device.type == "cpu"
    raises(TypeError, lambda: torch.ones(2, device="meta").numpy())


@of("train.py train: int(correct.sum())")
def int_fetches_a_number():
    assert int(torch.tensor([1, 2]).sum()) == 3


@of("evaluate.py predict: device = next(")
def a_model_has_no_device():
    model = build_model((2, 2))
    assert not hasattr(model, "device")
    assert next(model.parameters()).device.type == "cpu"


@of(
    "evaluate.py predict: logits = model(torch.from_numpy",
    "evaluate.py predict: return logits.cpu().numpy()",
)
def devices_do_not_mix():
    layer = nn.Linear(FEATURES, 2).to("meta")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raises(Exception, lambda: layer(images))
    assert layer(images.to("meta")).device.type == "meta"


# Compiled


def programs(function, *calls, **settings) -> list[int]:
    """Sizes of the graphs that torch.compile makes of a function in these calls."""
    torch._dynamo.reset()
    sizes = []

    def backend(graph, _):
        sizes.append(len(graph.graph.nodes))
        return graph

    compiled_function = torch.compile(function, backend=backend, **settings)
    for arguments in calls:
        compiled_function(*arguments)
    return sizes


@of("compiled.py imports: from torch.func import")
def gradients_and_models_as_functions():
    layer, _ = learned()
    weights = {"weight": torch.zeros(KINDS, FEATURES), "bias": torch.ones(KINDS)}
    assert (functional_call(layer, weights, images) == 1).all()
    gradient, value = grad_and_value(lambda x: x**2)(torch.tensor(3.0))
    assert (gradient.item(), value.item()) == (6, 9)


@of("compiled.py imports: import get_cpp_compiler", "compiled.py compile_steps: get_cpp_compiler()")
def without_a_compiler_there_is_an_error():
    with patch("torch._inductor.cpp_builder.config.cpp.cxx", (None, "no-such-compiler")):
        compiled.get_cpp_compiler.__globals__["cpp_compiler_search"].cache_clear()
        raises(RuntimeError, compiled.get_cpp_compiler)
    compiled.get_cpp_compiler.__globals__["cpp_compiler_search"].cache_clear()


@of(
    'compiled.py create_moments: optimizer.param_groups[0]["params"]',
    'compiled.py bias_corrections: optimizer.param_groups[0]["betas"]',
)
def there_is_one_group_with_adams_betas():
    layer, _ = learned()
    (group,) = torch.optim.Adam(layer.parameters()).param_groups
    assert group["params"] == list(layer.parameters())
    assert group["betas"] == (0.9, 0.999)
    two = torch.optim.SGD([{"params": [layer.weight], "lr": 1.0}, {"params": [layer.bias]}], lr=0.1)
    assert [each["lr"] for each in two.param_groups] == [1.0, 0.1]


@of("compiled.py create_moments: torch.zeros_like(parameter)")
def zeros_like_takes_shape_type_and_device():
    zeros = torch.zeros_like(torch.ones(2, 3, dtype=torch.float64, device="meta"))
    assert (zeros.shape, zeros.dtype, zeros.device.type) == ((2, 3), torch.float64, "meta")


@of("compiled.py create_moments: optimizer.state[parameter] =")
def adam_looks_for_these_names():
    for create in (compiled.create_moments, lambda optimizer: None):
        layer, loss = learned()
        optimizer = torch.optim.Adam(layer.parameters())
        create(optimizer)
        loss.backward()
        optimizer.step()
        assert set(optimizer.state[layer.bias]) == {"step", "exp_avg", "exp_avg_sq"}
        assert optimizer.state[layer.bias]["step"] == 1


@of('compiled.py bias_corrections: .to(state["exp_avg"])')
def to_takes_a_tensors_type_and_device():
    moved = torch.ones(2).to(torch.ones(1, dtype=torch.float64, device="meta"))
    assert (moved.dtype, moved.device.type) == (torch.float64, "meta")


@of(
    "compiled.py whole_step: def forward(weights",
    "compiled.py whole_step: differentiate = grad_and_value(",
)
def gradients_come_by_name_with_what_else_is_wanted():
    def forward(weights):
        return (weights["w"] ** 2).sum(), weights["w"] + 4

    gradients, (loss, more) = grad_and_value(forward, has_aux=True)({"w": torch.ones(2)})
    assert gradients["w"].tolist() == [2, 2]
    assert (loss, more.tolist()) == (2, [5, 5])


@of("compiled.py whole_step: name: buffer.clone()")
def only_batch_normalization_has_buffers():
    kinds = nn.Linear(2, 2), nn.ReLU(), nn.Dropout(), nn.GELU()
    assert not any(list(each.buffers()) for each in kinds)
    assert dict(nn.BatchNorm1d(2).named_buffers()).keys() >= {"running_mean", "running_var"}


@of("compiled.py whole_step: functional_call(model")
def the_models_own_weights_are_not_used():
    layer, _ = learned()
    zeros = {name: torch.zeros_like(each) for name, each in layer.named_parameters()}
    assert not functional_call(layer, (zeros, {}), images).any()
    assert layer.weight.any()


@of(
    "compiled.py whole_step: buffer.copy_(",
    "compiled.py whole_step: m.lerp_(",
    "compiled.py whole_step: addcmul_(",
    "compiled.py whole_step: parameter.sub_(",
)
def an_underscore_is_in_place():
    m, g = torch.full((2,), 2.0), torch.full((2,), 4.0)
    place = m.data_ptr()
    assert m.lerp_(g, 0.25).tolist() == [2.5, 2.5]
    assert m.mul_(2).addcmul_(g, g, value=0.5).tolist() == [13, 13]
    assert m.sub_(g).tolist() == [9, 9]
    assert m.copy_(g).tolist() == [4, 4]
    assert m.data_ptr() == place


@of("compiled.py repeat_step: range(first, last)")
def a_tensor_of_one_number_counts_as_one():
    assert list(range(torch.tensor([1]), torch.tensor([3]))) == [1, 2]


@of("compiled.py train_steps: losses = images.new_zeros(")
def new_zeros_has_the_type_and_device():
    zeros = torch.ones(1, dtype=torch.float64, device="meta").new_zeros(3)
    assert (zeros.shape, zeros.dtype, zeros.device.type) == ((3,), torch.float64, "meta")


@of("compiled.py train_steps: chosen = batches[place][0]")
def a_tensor_of_one_element_picks_one_row():
    assert images[torch.tensor([1])].shape == (1, FEATURES)


@of("compiled.py train_steps: torch.while_loop(", "compiled.py train_steps: def take_step(")
def a_loop_is_a_condition_a_body_and_variables():
    def count(last):
        return torch.while_loop(lambda n: (n < last)[0], lambda n: (n + 1,), (torch.tensor([0]),))

    assert count(torch.tensor([3]))[0].item() == 3


@of("compiled.py add_bias_apart: bias, left, right = node.args")
def addmm_is_bias_plus_product():
    left, right = torch.ones(2, 3), torch.ones(3, 4)
    assert (torch.ops.aten.addmm.default(torch.ones(4), left, right) == 4).all()


@of("compiled.py add_bias_apart: aten = torch.ops.aten")
def a_linear_layer_is_made_of_aten():
    traced = torch.export.export(nn.Linear(2, 2), (torch.ones(1, 2),)).run_decompositions()
    assert any("aten.addmm" in str(node.target) for node in traced.graph.nodes)


@of(
    "compiled.py compile_steps: compiled = partial(torch.compile",
    "compiled.py train_epoch: span = torch.tensor([first])",
    "compiled.py compile_steps: on_cpu if images.is_cpu",
)
def compiling_waits_for_the_call_and_numbers_are_built_in():
    assert programs(lambda x: x + 1) == []
    numbers = [(torch.ones(2), number) for number in range(2, 8)]
    assert len(programs(lambda x, k: x * k, *numbers, dynamic=False)) == 6
    tensors = [(torch.ones(2), torch.tensor([number])) for number in range(2, 8)]
    assert len(programs(lambda x, k: x * k, *tensors, dynamic=False)) == 1
    sizes = [(torch.ones(size),) for size in (2, 3)]
    assert len(programs(lambda x: x * 2, *sizes, dynamic=False)) == 2
    broken = torch.compile(lambda x: print(x.sum().item()) or x, backend="eager", fullgraph=True)
    raises(Exception, lambda: broken(torch.ones(2)))


@of("compiled.py compile_steps: on_gpu = partial(")
def reduce_overhead_uses_cuda_graphs_and_is_not_deterministic():
    graphs = {"triton.cudagraphs": True}
    assert torch._inductor.list_mode_options("reduce-overhead") == graphs
    assert graphs | {"deterministic": True} == compiled.ON_GPU
    assert torch._inductor.config.deterministic is False
    # Unknown options would be refused.
    torch.compile(lambda x: x, options=compiled.ON_GPU)


@of("compiled.py train_epoch: @torch.no_grad()")
def weights_in_a_recording_cannot_be_written():
    layer, _ = learned()
    raises(RuntimeError, lambda: layer.weight.sub_(1))
    with torch.no_grad():
        layer.weight.sub_(1)
        gradient = torch.func.grad(lambda x: x**2)(torch.tensor(1.0))
    assert gradient == 2


@of("compiled.py train_epoch: return torch.cat(")
def cat_joins_end_to_end():
    assert torch.cat([torch.ones(2), torch.zeros(1)]).tolist() == [1, 1, 0]


@of('compiled.py train_epoch: state["step"] +=')
def the_count_is_a_tensor_of_the_state():
    layer, loss = learned()
    optimizer = torch.optim.Adam(layer.parameters())
    loss.backward()
    optimizer.step()
    assert isinstance(optimizer.state[layer.weight]["step"], torch.Tensor)


@of("compiled.py train_epoch: if not optimizer.state")
def there_is_no_state_before_the_first_step():
    assert not torch.optim.Adam(nn.Linear(2, 2).parameters()).state


@of("train.py train_epoch: clock.steps(batches)", "trace.py trace: next(iter(batches))")
def a_loader_is_iterated():
    first = next(iter(make_batches(images, labels, np.arange(ROWS), 2)))
    assert torch.equal(first[0], images[:2])


@of(
    "evaluate.py evaluate: mean = float(compute_loss",
    "evaluate.py evaluate: correct += int(count_correct",
)
def float_and_int_fetch():
    assert float(torch.tensor(2.5)) == 2.5
    assert int(torch.tensor(3)) == 3
    raises(RuntimeError, lambda: float(torch.tensor(1.0, device="meta")))


CHECKS |= pytorch_techniques.CHECKS


def replacing(owner: object, name: str, other: object):
    """While the framework does something else."""
    return lambda: patch.object(owner, name, other)


WRONG = {
    "train.py train_step: loss.backward()": replacing(torch.Tensor, "backward", lambda *_, **__: 0),
    "train.py train_step: optimizer.step()": replacing(torch.optim.SGD, "step", lambda *_: None),
    "train.py train_epoch: return torch.stack(losses)": replacing(
        torch, "stack", lambda each: each
    ),
    "evaluate.py predict: model.eval()": replacing(nn.Module, "eval", lambda model: model),
    "data.py to_tensors: arrays = torch.from_numpy(images)": replacing(
        torch, "from_numpy", lambda array: torch.tensor(array)
    ),
    "minimal.py testing: with torch.inference_mode()": replacing(
        torch, "inference_mode", torch.enable_grad
    ),
    "loss.py compute_loss: return functional.cross_entropy(": replacing(
        functional, "cross_entropy", lambda logits, labels: logits.mean()
    ),
}
