"""Importing a file of an implementation, and with it its framework."""

import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from types import ModuleType

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


@contextlib.contextmanager
def native_chatter_held_back() -> Iterator[None]:
    """Keep what native libraries write to standard error, and show it only if the block fails.

    TensorFlow's announce themselves on import, before any setting reaches them. Whoever sets
    TF_CPP_MIN_LOG_LEVEL to 0 or 1 sees everything.
    """
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] in ("0", "1"):
        yield
        return
    standard_error = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        except BaseException:
            chatter.seek(0)
            os.write(standard_error, chatter.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
