"""`python -m tensorflow_impl.summary`: the network, layer by layer."""

# Above the imports, because these bring the framework, which reads its settings only once.
if __name__ == "__main__":
    from shared.commands import run_command

    raise SystemExit(run_command("tensorflow", "summary"))

import keras

from shared.summarizing import Layer


def summarize(model: keras.Sequential) -> list[Layer]:
    """Kind, shape of one image's output, and number of parameters of each layer."""
    rows = []
    for layer in model.layers:
        parameters = sum(weights.numpy().size for weights in layer.trainable_weights)
        rows.append(Layer(type(layer).__name__, layer.output.shape[1:], parameters))
    return rows
