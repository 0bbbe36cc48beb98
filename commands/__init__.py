"""The commands of a single implementation: for readers who add or change one.

In reading order:

entry.py        `python -m PACKAGE [COMMAND]`: finds the command
requests.py     the request of each command
twin.py         imports a file of an implementation, and with it its framework
single_run.py   train, test, save: one run, for a person or for a comparison
helper.py       what the other workers of a training do
train.py        the training command, with a report at the end
foreign/        weights from other programs
evaluate.py     trained weights, measured
ink.py          finds the drawing in a picture, and what does not belong to it
pictures.py     a user's pictures, prepared like a dataset's images
predict.py      classifies such pictures
export.py       a trained network in formats for other programs; checks each file
summary.py      the network layer by layer
profile.py      where the time of a training step goes
tensorboard.py  `python -m commands.tensorboard`: a comparison's results as logs for TensorBoard
"""
