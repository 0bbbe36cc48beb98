"""The oracle, in NumPy: data, model, loss, optimizer, train, evaluate."""
