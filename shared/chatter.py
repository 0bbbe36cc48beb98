"""What native libraries print without being asked, held back."""

import contextlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


@contextlib.contextmanager
def native_chatter_held_back() -> Iterator[None]:
    """Keep what native libraries write to standard error, and show it only if the block fails.

    TensorFlow's announce themselves on import, before any setting reaches them. Whoever sets
    TF_CPP_MIN_LOG_LEVEL to 0 or 1 sees everything.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") in ("0", "1"):
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


def import_quietly(module: str) -> None:
    """Hold back what a module prints when it is imported, by whomever that may be."""
    if module not in sys.modules:
        sys.meta_path.insert(0, _Quietly(module))


class _Quietly(MetaPathFinder):
    """Finds one module, once, as the other finders do."""

    def __init__(self, module: str) -> None:
        self.module = module

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """Where the module is, and how it is loaded without a word."""
        if fullname != self.module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec and (loader := spec.loader):
            load = loader.exec_module

            def load_quietly(loaded: ModuleType) -> None:
                with native_chatter_held_back():
                    load(loaded)

            loader.exec_module = load_quietly  # type: ignore[assignment, method-assign]
        return spec
