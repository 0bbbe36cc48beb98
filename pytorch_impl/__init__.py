"""The network in PyTorch. Read data, model, train, evaluate, in this order."""
