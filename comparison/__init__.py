"""The instrument: for whoever asks whether a comparison can be believed, or changes how it is made.

In the order of reading:

plan.py          the request: which runs with which settings, in which order
run.py           a comparison from beginning to end: prepare, prove, measure, report
children.py      how child processes are started and ended on every system
jobs.py          the child processes that train, and what became of each
probes.py        what the machine did meanwhile: other processes, energy
warm_up.py       each run started once before anything is timed
precision.py     when the ratios are known well enough
verification.py  the proof that all runs compute the same: its children and its verdicts
tracing.py       how a child sends what it computes
reference.py     what each run is held against, and how far it may stray from it
control.py       how far rounding alone drives correct trainings apart
judging.py       where a run strays first, and what that points to
floor.py         the matrix products alone, the lower limit of an epoch
ladder.py        the defaults that are switched one at a time, and how each is trained
attribution.py   how much each default that differs between the frameworks matters
"""
