"""Printing the layers of a network; what they are, the twins ask their own objects."""

from rich import box
from rich.table import Table

from commands.requests import SummaryRequest
from commands.tensorboard import require_tensorboard, write_graph
from commands.twin import import_twin
from report.progress import busy
from report.terminal import make_console, say
from shared import formats
from shared.activations import ACTIVATIONS
from shared.config import IMAGE_SIZE
from shared.outputs import claim_output_dir, current_command
from shared.registry import LABELS
from shared.sampling import refuse_beyond_memory

# What frameworks call their layers, in small letters, and the names that all get here.
KINDS = {
    "linear": "dense",
    "batchnorm1d": "batch_norm",
    "batchnormalization": "batch_norm",
    **{name.replace("-", ""): name.replace("-", "_") for name in ACTIVATIONS},
}


def summary(name: str, request: SummaryRequest) -> None:
    """Build the network and print its layers, the same text whichever framework built it.

    Args:
        name: a key of IMPLEMENTATIONS.

    Raises:
        UsageError: the graph is asked for but can't be written.
    """
    config = request.config()
    refuse_beyond_memory(config)
    if request.output_dir:
        require_tensorboard()
        claim_output_dir(request.output_dir, current_command())
    console = make_console()
    with busy(console, f"importing {LABELS[name]}", logged=False):
        import_twin(name, "device").choose_device("cpu", config.float_type)
        activation = import_twin(name, "techniques.activations").choose_activation(
            config.activation, config.activation_parameters, config.alignment
        )
        options = config.dropout, config.batch_norm, config.alignment
        model = import_twin(name, "techniques.layers").build_network(
            config.hidden, activation, *options
        )
        layers = import_twin(name, "summary").summarize(model)
    table = Table("layer", box=box.SIMPLE_HEAD, show_footer=True)
    table.columns[0].footer = "total"
    table.add_column("output", justify="right")
    total = formats.count(sum(layer.parameters for layer in layers))
    table.add_column("parameters", total, justify="right")
    table.add_row("images", f"\\[batch, {IMAGE_SIZE}]", "")
    seen: list[str] = []
    for layer in layers:
        called = layer.kind.lower()
        kind = KINDS.get(called, called)
        seen.append(kind)
        shape = ", ".join(map(str, ("batch", *layer.output_shape)))
        parameters = formats.count(layer.parameters)
        # Escaped, because rich reads what stands in brackets.
        table.add_row(f"{kind}_{seen.count(kind)}", f"\\[{shape}]", parameters)
    console.print(table)
    if folder := request.output_dir:
        write_graph(import_twin(name, "summary").serialize_graph(model), folder)
        say(console, f"Written to {folder}; open it with: tensorboard --logdir {folder}")
