"""Mixed precision: matrix products in bfloat16, weights and loss in float32."""

import keras
import tensorflow as tf


def use_mixed_precision(model: keras.Sequential, device: tf.config.PhysicalDevice) -> None:
    """Compute all layers but the last in bfloat16; weights, logits and loss stay float32.

    Micikevicius et al., "Mixed Precision Training" (2018); bfloat16 has float32's range, so the
    loss needs no scaling.
    """
    for layer in model.layers[:-1]:
        layer.dtype_policy = keras.DTypePolicy("mixed_bfloat16")  # DIFF-38
