"""`python -m tests.support.differences FRAMEWORK` prints what that one answers, as JSON."""

import importlib
import json
import sys

from shared.threads import prepare_environment

if __name__ == "__main__":
    prepare_environment(threads=1)
    (name,) = sys.argv[1:]
    framework = importlib.import_module(f"tests.support.differences.{name}")
    print(json.dumps(framework.answers()))
