"""Importing a file of an implementation, and with it its framework."""

import importlib
import sys
from types import ModuleType

from shared.chatter import native_chatter_held_back
from shared.errors import UsageError
from shared.registry import IMPLEMENTATIONS, required_modules


class MissingFramework(UsageError):
    """A module that the implementation requires is not installed."""

    def __init__(self, module: str) -> None:
        super().__init__(f"{module} is not installed for {sys.executable}; install it there.")
        self.module = module


def import_twin(name: str, module: str) -> ModuleType:
    """Import a file of an implementation, and with it the framework.

    Args:
        name: a key of IMPLEMENTATIONS.
        module: within its package, as `run` or `techniques.layers`.

    Raises:
        MissingFramework: what the implementation requires is not installed.
    """
    try:
        with native_chatter_held_back():
            return importlib.import_module(f"{IMPLEMENTATIONS[name][0].package}.{module}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name not in required_modules(name):
            raise
        raise MissingFramework(error.name) from None
