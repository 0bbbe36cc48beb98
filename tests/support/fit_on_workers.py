"""What becomes of Keras's `fit` on several workers: `python -m tests.support.fit_on_workers`.

Prints the first line of the error, or what was learned. TF_CONFIG says who the workers are.
"""

import keras
import numpy as np
import tensorflow as tf


def main() -> None:
    """Train for one epoch of three batches."""
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    with strategy.scope():
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(), loss)
    images, labels = np.ones((12, 4), np.float32), np.zeros(12, np.int64)
    batches = tf.data.Dataset.from_tensor_slices((images, labels)).batch(4)
    shared = strategy.experimental_distribute_dataset(batches)
    try:
        history = model.fit(shared, epochs=1, verbose=0)
    except Exception as error:  # noqa: BLE001 - which one it is, is the question.
        print(f"{type(error).__name__}: {str(error).splitlines()[0]}", flush=True)
    else:
        print(f"trained: {history.history}", flush=True)


if __name__ == "__main__":
    main()
