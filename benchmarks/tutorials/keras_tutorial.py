"""MNIST in Keras as tutorials write it: `keras_tutorial.py FOLDER EPOCHS`.

FOLDER holds the four files `*-ubyte.gz` of MNIST.
"""

import gzip
import sys
import time
from pathlib import Path

import keras
import numpy as np
from keras import layers

folder, epochs = Path(sys.argv[1]), int(sys.argv[2])


def load(name, header):
    with gzip.open(folder / name) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


x_train = load("train-images-idx3-ubyte.gz", 16).reshape(-1, 784).astype("float32") / 255
y_train = load("train-labels-idx1-ubyte.gz", 8)
x_test = load("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 784).astype("float32") / 255
y_test = load("t10k-labels-idx1-ubyte.gz", 8)
x_train = (x_train - 0.1307) / 0.3081
x_test = (x_test - 0.1307) / 0.3081

model = keras.Sequential(
    [
        keras.Input(shape=(784,)),
        layers.Dense(128, activation="relu"),
        layers.Dense(64, activation="relu"),
        layers.Dense(10),
    ]
)
model.compile(
    optimizer="adam",
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)


class Report(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self.started
        _, accuracy = self.model.evaluate(x_test, y_test, verbose=0)
        print(f"\nepoch {epoch + 1}: {seconds:.4f} seconds, test accuracy {accuracy:.4f}")


model.fit(x_train, y_train, batch_size=64, epochs=epochs, callbacks=[Report()])
