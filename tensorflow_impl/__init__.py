"""The network in TensorFlow/Keras.

Read minimal, data, model, loss, optimizer, train, evaluate, compiled, predict
and run, in this order.
"""

import os

from shared.chatter import import_quietly

# TensorFlow and Keras read both when they are imported. Values that are set
# already stay.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

# What its libraries say before they have read the first.
import_quietly("tensorflow")
