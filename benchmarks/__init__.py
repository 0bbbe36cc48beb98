"""Measurements behind the claims of the documents: for whoever doubts a figure, or renews it.

Each prints what it found. In the order of what they are about:

command.py       flags and child processes of all of them
floor.py         the matrix products alone, the lower limit of an epoch
baselines.py     the runs beside scripts as tutorials write them
profiled.py      what stands between PyTorch's runs and the floor
tried.py         what makes training on small batches fast, and what does not
verdicts.py      how often the report's rules claim too much, simulated
null.py          whether the comparison claims a difference where there is none
slowed.py        PyTorch's runs with a planted slow-down, for null.py
agreement.py     how far the trained weights of a comparison's runs are apart
alarms.py        whether verification accuses sound runs, and how small a fault it finds
kills.py         whether a killed training goes on to the same result
damages.py       whether damaged checkpoints are noticed
exchange.py      from which size on several workers pay, and what an exchange takes
workers/         whether several workers learn what one learns, and what is left of a killed one
photos.py        whether pictures with frames, shadows and lines are recognized
mistakes.py      what common mistakes do to a training
tuning.py        what each knob of a training does
"""
