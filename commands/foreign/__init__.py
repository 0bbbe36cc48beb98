"""Weights from other programs: for readers who add a format.

In reading order:

weights.py      any file of weights as a network: this project's, or another's read by a child
mapping.py      assigns arrays to layers by the names that frameworks use
child.py        what the children share: a file in, safetensors out, or one reason
torch_file.py   a child that opens PyTorch's files
keras_file.py   a child that opens Keras's files
keras_config.py reads the layers in Keras's files
"""
