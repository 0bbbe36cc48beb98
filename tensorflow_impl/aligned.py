"""Keras's parts with PyTorch's formulas, for `--alignment exact`."""

import math

import keras
import tensorflow as tf
from keras import layers, ops


class AlignedAdam(keras.optimizers.Adam):
    """Adam with epsilon added after the bias correction, not before.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015),
    Algorithm 1, instead of the rearrangement at the end of their section 2.
    The bias corrections are computed in float64, because 1 - 0.999^t loses
    half of float32's digits in the first steps. Keras has no public access to
    the moments of a variable, hence the private names.
    """

    def update_step(
        self,
        gradient: tf.Tensor,
        variable: keras.Variable,
        learning_rate: keras.Variable,
    ) -> None:
        """Update one variable and its moments, all of the same shape."""
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        step = ops.cast(self.iterations + 1, "float64")
        correction_1 = 1 - self.beta_1**step  # DIFF-4
        correction_2 = ops.sqrt(1 - self.beta_2**step)
        step_size = ops.cast(
            ops.cast(learning_rate, "float64") / correction_1, variable.dtype
        )
        self.assign_add(m, (gradient - m) * (1 - self.beta_1))
        self.assign_add(v, (ops.square(gradient) - v) * (1 - self.beta_2))
        root = ops.sqrt(v) / ops.cast(correction_2, variable.dtype)
        self.assign_sub(variable, step_size * m / (root + self.epsilon))


class AlignedRMSprop(keras.optimizers.RMSprop):
    """RMSprop with epsilon added after the square root, not before."""

    def update_step(
        self,
        gradient: tf.Tensor,
        variable: keras.Variable,
        learning_rate: keras.Variable,
    ) -> None:
        """Update one variable, its mean square and its momentum."""
        index = self._get_variable_index(variable)
        v = self._velocities[index]
        self.assign(v, v * self.rho + ops.square(gradient) * (1 - self.rho))
        update = gradient / (ops.sqrt(v) + self.epsilon)
        if self.momentum:
            buffer = self._momentums[index]
            self.assign(buffer, buffer * self.momentum + update)
            update = buffer
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, rate * update)


class AlignedAdagrad(keras.optimizers.Adagrad):
    """Adagrad with epsilon added after the square root, not before."""

    def update_step(
        self,
        gradient: tf.Tensor,
        variable: keras.Variable,
        learning_rate: keras.Variable,
    ) -> None:
        """Update one variable and its sum of squares, of the same shape."""
        accumulator = self._accumulators[self._get_variable_index(variable)]
        self.assign_add(accumulator, ops.square(gradient))
        update = gradient / (ops.sqrt(accumulator) + self.epsilon)
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, rate * update)


class AlignedSGD(keras.optimizers.SGD):
    """SGD whose momentum remembers gradients, not updates.

    Keras remembers updates, each scaled by the learning rate of its step. The
    two differ where the rate changes.
    """

    def update_step(
        self,
        gradient: tf.Tensor,
        variable: keras.Variable,
        learning_rate: keras.Variable,
    ) -> None:
        """Update one variable and its momentum, of the same shape."""
        update = gradient
        if self.momentum:
            buffer = self.momentums[self._get_variable_index(variable)]
            self.assign(buffer, buffer * self.momentum + gradient)
            update = (
                gradient + self.momentum * buffer if self.nesterov else buffer
            )
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, rate * update)


class AlignedLeakyReLU(layers.LeakyReLU):
    """Leaky ReLU whose slope is not rounded to float32 first."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Inputs of any shape; outputs have the same shape."""
        return ops.where(inputs > 0, inputs, self.negative_slope * inputs)


class AlignedGELU(layers.Layer):
    """GELU whose constant is not rounded to float32 first."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Inputs of any shape; outputs have the same shape."""
        return inputs * (1 + ops.erf(inputs * math.sqrt(0.5))) / 2


class AlignedBatchNormalization(layers.BatchNormalization):
    """Batch normalization that keeps the unbiased variance."""

    def call(
        self, inputs: tf.Tensor, training: bool | None = None
    ) -> tf.Tensor:
        """Normalize inputs [batch, units]; keep statistics in training."""
        kept = self.momentum * self.moving_variance
        outputs = super().call(inputs, training)
        if training:
            rows = ops.cast(ops.shape(inputs)[0], self.moving_variance.dtype)
            added = self.moving_variance - kept
            self.moving_variance.assign(kept + added * (rows / (rows - 1)))
        return outputs
