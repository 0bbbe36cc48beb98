"""Faults on purpose: does a command lose anything, or say anything that is not true?

campaign.py  one kind of fault, tried again and again
trial.py     one command, tried in a process of its own
endings.py   signals at random moments
writes.py    a disk that is full from some byte on
inputs.py    damaged and hostile files
__main__.py  `python -m benchmarks.faults`: all of them, as a table
"""
