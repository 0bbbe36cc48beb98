"""Keras's Adam with epsilon where PyTorch has it, for `--alignment exact`; works with `fit` too."""

import keras
import tensorflow as tf
from keras import ops


class AlignedAdam(keras.optimizers.Adam):
    """Adam with epsilon added after the bias correction, not before.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), Algorithm 1, instead of the
    rearrangement at the end of their section 2. The bias corrections are computed in float64,
    because 1 - 0.999^t loses half of float32's digits in the first steps. Keras offers no public
    way to the moments of a variable, hence the private names.
    """

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: keras.Variable
    ) -> None:
        """Update one variable and its two moments, all of the same shape and dtype."""
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        step = ops.cast(self.iterations + 1, "float64")
        correction_1 = 1 - self.beta_1**step  # DIFF-4
        correction_2 = ops.sqrt(1 - self.beta_2**step)
        step_size = ops.cast(ops.cast(learning_rate, "float64") / correction_1, variable.dtype)
        self.assign_add(m, (gradient - m) * (1 - self.beta_1))
        self.assign_add(v, (ops.square(gradient) - v) * (1 - self.beta_2))
        denominator = ops.sqrt(v) / ops.cast(correction_2, variable.dtype) + self.epsilon
        self.assign_sub(variable, step_size * m / denominator)
