"""Measurements behind the documents' claims: for readers who doubt a figure or renew it.

Each prints its findings. By topic:

command.py       shared flags and child processes
floor.py         the matrix products alone, the lower limit of an epoch
baselines.py     the runs against scripts in the style of tutorials
profiled.py      where PyTorch's runs spend time above the floor
tried.py         what makes training on small batches fast, and what does not
devices.py       from which batch size on a GPU is faster than the CPU
switches.py      what determinism and coarser arithmetic cost, and whether results repeat
verdicts.py      how often the report's rules claim too much, in simulations
null.py          whether the comparison claims a difference where there is none
slowed.py        PyTorch's runs with a deliberate slow-down, for null.py
agreement.py     how much the trained weights of a comparison's runs differ
alarms.py        whether verification accuses sound runs, and how small a fault it finds
kills.py         whether a killed training resumes to the same result
damages.py       whether damaged checkpoints are noticed
exchange.py      from which size on several workers pay, and what an exchange takes
workers/         whether several workers learn what one learns, and what is left of a killed one
photos.py        whether pictures with frames, shadows and lines are recognized
mistakes.py      what common mistakes do to a training
tuning.py        what each setting of a training does
"""
