"""Do several workers learn what one learns, and does nothing remain of them when one is lost?

In the order of reading:

__main__.py  the command
proof.py     every worker's training, held against the reference and against the others'
traced.py    what one worker computes, sound or with a planted fault
kills.py     workers killed at random moments, and the training resumed
"""
