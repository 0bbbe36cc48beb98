"""What every side of the comparison needs; nothing here imports a framework."""

import importlib.util
import sys

LIBRARIES = (
    *("PIL", "filelock", "jinja2", "markdown_it", "matplotlib", "msgspec", "numpy", "pooch"),
    *("psutil", "pygments", "rich", "safetensors", "scipy", "sklearn", "threadpoolctl", "tyro"),
)

# Checked here because every command comes through here before it imports any of them.
if missing := [name for name in LIBRARIES if importlib.util.find_spec(name) is None]:
    print(
        f"{', '.join(missing)} not installed for {sys.executable}: install everything with "
        f"'{sys.executable} -m pip install -c requirements.lock .' in the project's folder.",
        file=sys.stderr,
    )
    raise SystemExit(2)
