"""The network in TensorFlow/Keras.

Read minimal, data, model, loss, optimizer, train, evaluate, compiled, predict
and run, in this order.
"""

import os

# TensorFlow and Keras read both on import. Values already set stay.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
