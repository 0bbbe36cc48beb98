"""The network in PyTorch. Read minimal, data, model, loss, optimizer, train, evaluate, in this order."""
