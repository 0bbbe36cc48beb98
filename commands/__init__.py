"""What one implementation does for a person: for whoever adds a command or changes what one says.

In the order of reading:

entry.py        `python -m PACKAGE [COMMAND]`: which command is meant
requests.py     what each command can be asked for
twin.py         importing a file of an implementation, and with it its framework
single_run.py   train, test, save: one run, for a person or for a comparison
helper.py       what the other workers of a training do
train.py        the training command, with a report at the end
foreign/        weights that another program wrote
evaluate.py     trained weights, measured
ink.py          what is drawn on a picture, and what does not belong to it
pictures.py     pictures of one's own, prepared as a dataset's images were
predict.py      what is on such pictures
export.py       a trained network in formats for other programs, each file checked
summary.py      the network layer by layer
profile.py      where the time of a training step goes
tensorboard.py  `python -m commands.tensorboard`: a comparison's results as logs for TensorBoard
"""
