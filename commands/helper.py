"""A worker other than 0: it learns its share, and leaves reporting and saving to worker 0."""

import os
import sys
import traceback
from typing import NoReturn

from commands.single_run import drain
from commands.twin import import_twin
from shared import workers
from shared.checkpoints import open_checkpoints
from shared.clock import Clock
from shared.config import TrainConfig
from shared.flags import CHILD_VARIABLE
from shared.registry import RUNS
from shared.sampling import load, prepare


def help_training(name: str, variant: str, config: TrainConfig, clock: Clock) -> NoReturn:
    """Train with the others, and end the process.

    Args:
        name: a key of IMPLEMENTATIONS.

    Raises:
        UsageError: dataset, device or checkpoints can't be used.
    """
    workers.start(config.workers, (), config.worker_timeout)
    config, _ = prepare(config)
    dataset = load(config, clock)
    slug = os.environ.get(CHILD_VARIABLE) or f"{name}-{variant}"
    checkpoints = open_checkpoints(config, RUNS[f"{name}/{variant}"].name, slug, dataset)
    status = 1
    try:
        twin = import_twin(name, "run")
        drain(twin.run(config, variant, dataset, clock, checkpoints), lambda _: None)
        status = 0
        workers.wait_to_be_ended()
    # Whatever a framework raises is said here, and known to worker 0 by the exit status.
    except Exception:  # noqa: BLE001
        traceback.print_exc()
    sys.stderr.flush()
    # The frameworks would wait for the others before they clean up.
    os._exit(status)
