"""The network in TensorFlow. Read minimal, data, model, loss, optimizer, train, evaluate, in this order."""

import os

# Both are read when TensorFlow and Keras are imported. Whatever is set already stays.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
