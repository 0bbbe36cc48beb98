"""The network in TensorFlow/Keras. Read data, model, train, evaluate, in this order."""
