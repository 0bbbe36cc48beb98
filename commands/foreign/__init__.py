"""Weights that another program wrote: for whoever adds a format.

In the order of reading:

weights.py      any file of weights as a network: this project's, or another's read by a child
mapping.py      which arrays are which layer's, by the names that frameworks give them
child.py        what the children share: a file in, safetensors out, or one reason
torch_file.py   a child that opens PyTorch's files
keras_file.py   a child that opens Keras's files
keras_config.py what Keras's files say of a network's layers
"""
