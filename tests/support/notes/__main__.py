"""`python -m tests.support.notes FRAMEWORK [wrong]`: run the checks of the notes on one framework.

Prints the keys of the notes that have a check, and what those say that fail, as JSON. With `wrong`
only the notes of the module's WRONG are checked, each while the framework does something else.
"""

import importlib
import json
import sys

from shared.threads import prepare_environment
from tests.support.notes.registry import Checks

if __name__ == "__main__":
    prepare_environment(threads=1)
    framework, *wrong = sys.argv[1:]
    module = importlib.import_module(f"tests.support.notes.{framework}")
    checks: Checks = module.CHECKS
    if wrong:
        failures: dict[str, str] = {}
        for note, otherwise in module.WRONG.items():
            with otherwise():
                failures |= Checks({note: checks[note]}).failures()
        print(json.dumps({"checked": list(module.WRONG), "failures": failures}))
    else:
        print(json.dumps({"checked": list(checks), "failures": checks.failures()}))
