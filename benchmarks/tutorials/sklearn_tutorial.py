"""MNIST in scikit-learn as tutorials write it: `sklearn_tutorial.py FOLDER EPOCHS`.

FOLDER holds the four files `*-ubyte.gz` of MNIST.
"""

import gzip
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.neural_network import MLPClassifier

folder, epochs = Path(sys.argv[1]), int(sys.argv[2])


def load(name, header):
    with gzip.open(folder / name) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


X_train = load("train-images-idx3-ubyte.gz", 16).reshape(-1, 784).astype("float32") / 255
y_train = load("train-labels-idx1-ubyte.gz", 8)
X_test = load("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 784).astype("float32") / 255
y_test = load("t10k-labels-idx1-ubyte.gz", 8)
X_train = (X_train - 0.1307) / 0.3081
X_test = (X_test - 0.1307) / 0.3081

model = MLPClassifier(hidden_layer_sizes=(128, 64), batch_size=64, learning_rate_init=1e-3)

for epoch in range(1, epochs + 1):
    started = time.perf_counter()
    model.partial_fit(X_train, y_train, classes=np.arange(10))
    seconds = time.perf_counter() - started
    accuracy = model.score(X_test, y_test)
    print(f"epoch {epoch}: {seconds:.4f} seconds, test accuracy {accuracy:.4f}", flush=True)
