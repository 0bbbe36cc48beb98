"""Mixed precision: matrix products in 16 bits, weights and loss in float32."""

from collections.abc import Callable

import keras
import tensorflow as tf

from shared.config import INITIAL_SCALE


def use_mixed_precision(
    model: keras.Sequential, precision: str, device: tf.config.PhysicalDevice
) -> None:
    """Compute all layers but the last in this type; weights stay float32.

    Micikevicius et al., "Mixed Precision Training" (2018); bfloat16 has
    float32's range, so only float16 needs `scale_gradients`.
    """
    for layer in model.layers[:-1]:
        layer.dtype_policy = keras.DTypePolicy(f"mixed_{precision}")  # DIFF-38


class Scaling(keras.optimizers.LossScaleOptimizer):
    """An optimizer around another one, which removes the scale again."""

    def scale_loss(self, loss: tf.Tensor) -> tf.Tensor:
        """Leave scaling to the model; `fit` would scale the loss here."""
        return loss

    def apply(
        self,
        grads: list[tf.Tensor],
        trainable_variables: list[keras.Variable] | None = None,
    ) -> None:
        """Update; or, if a gradient is infinite or NaN, halve the scale."""
        super().apply(grads, trainable_variables)
        # All steps; the other optimizer counts only those not skipped.
        self._iterations.assign_add(1)


def scale_gradients(
    model: keras.Sequential,
    optimizer: keras.optimizers.Optimizer,
    device: tf.config.PhysicalDevice,
) -> keras.optimizers.Optimizer:
    """Scale gradients up behind the logits, so float16 holds small ones.

    Equivalent to scaling the loss (section 3.2 of the paper), but leaves the
    reported loss unscaled.

    Returns:
        An optimizer that scales them down again and chooses the scale.
    """
    scaling = Scaling(optimizer, initial_scale=INITIAL_SCALE)  # DIFF-38
    scaling.build(model.trainable_variables)  # DIFF-25

    @tf.custom_gradient
    def scale(
        logits: tf.Tensor,
    ) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        return logits, lambda gradient: gradient * scaling.dynamic_scale

    # The layer has no activation, so this passes the logits on unchanged.
    model.layers[-1].activation = scale
    return scaling
