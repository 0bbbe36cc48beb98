"""The network in PyTorch. Read data, model, loss, train, evaluate, in this order."""
