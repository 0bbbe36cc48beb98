"""The network in TensorFlow/Keras.

Read minimal, data, model, loss, optimizer, train, evaluate, compiled, predict
and run, in this order.
"""

import os

from shared.chatter import import_quietly

# TensorFlow and Keras read both on import. Values already set stay.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

# Its libraries print before they read the first.
import_quietly("tensorflow")
