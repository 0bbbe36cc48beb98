"""Every difference in docs/DIFFERENCES.md is marked in the code, and is as the page says.

What the frameworks do is asked of each in a process of its own, once: `python -m
tests.test_differences torch` prints the answers as JSON, and so does `... tensorflow`.
"""

import ast
import json
import math
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.commands import ROOT

LEDGER = ROOT / "docs" / "DIFFERENCES.md"
UNUSED = "Not used in this code"
LABELS = ("PyTorch", "Keras", "Here", "How much", "Pinned by")

# The small problem that both frameworks are asked about.
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(10, 6)).astype("float32")
LABELS_OF_IMAGES = RANDOM.integers(0, 3, 10)
KERNEL = RANDOM.normal(size=(6, 3)).astype("float32")
BATCH = 4
