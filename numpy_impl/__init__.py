"""The NumPy reference: data, model, loss, optimizer, train, evaluate."""
