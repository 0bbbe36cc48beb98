"""The network in TensorFlow/Keras. Read data, model, loss, train, evaluate, in this order."""
