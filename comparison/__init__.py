"""The instrument: for readers who doubt a comparison, or change how it works.

In reading order:

plan.py          the request: which runs with which settings, in which order
run.py           a comparison from beginning to end: prepare, prove, measure, report
children.py      starts and ends child processes on every system
jobs.py          the child processes that train, and how each ended
probes.py        what the machine did during a run: other processes, energy
warm_up.py       starts each run once before anything is timed
precision.py     when the ratios are precise enough
verification.py  the proof that all runs compute the same: its children and its verdicts
tracing.py       how a child sends its numbers
reference.py     the reference for each run, and how far a run may deviate
control.py       how far rounding alone drives correct trainings apart
judging.py       where a run first deviates, and the likely cause
floor.py         the matrix products alone, the lower limit of an epoch
ladder.py        the defaults that are switched one at a time, and their trainings
attribution.py   how much each default that differs between the frameworks matters
"""
