"""`python -m tensorflow_impl summary`: the network, layer by layer."""

import keras
import tensorflow as tf
from keras import layers

from shared.config import IMAGE_SIZE
from shared.trained import Layer


def summarize(model: keras.Sequential) -> list[Layer]:
    """Kind, shape of one output and number of parameters of each layer."""
    rows = []
    for layer in model.layers:
        parameters = sum(
            weights.numpy().size for weights in layer.trainable_weights
        )
        kind = type(layer).__name__
        if isinstance(layer, layers.Activation):
            # One kind of layer for many functions; it names its own.
            kind = layer.activation.__name__
        rows.append(Layer(kind, layer.output.shape[1:], parameters))
    return rows


def serialize_graph(model: keras.Sequential) -> bytes:
    """The operations as TensorBoard draws them: a serialized GraphDef."""
    images = tf.TensorSpec((None, IMAGE_SIZE), keras.config.floatx())
    traced = tf.function(model).get_concrete_function(
        images, training=False
    )  # DIFF-10
    return traced.graph.as_graph_def().SerializeToString()
