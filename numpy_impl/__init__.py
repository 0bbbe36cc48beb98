"""The oracle: the network in NumPy. Read data, model, loss, train, evaluate, in this order."""
