"""The network in PyTorch.

Read minimal, data, model, loss, optimizer, train, evaluate, compiled, predict
and run, in this order.
"""
