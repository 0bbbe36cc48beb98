"""The network in PyTorch.

Read minimal, data, model, loss, optimizer, train, evaluate and run, in this
order.
"""
