"""Code that several rooms share: for readers who follow a name from an implementation.

Nothing here imports a framework. In reading order, from a request to its results:

visible.py            text of unknown origin, made safe to show
errors.py             errors caused by the request
registry.py           every run, and what its process needs
activations.py        every activation function, one record each
dataset_records.py    every dataset, one record each
config.py             the settings that all sides share
rules.py              the valid values of each setting
presets.py            settings of well-known tutorials, by name
threads.py            threads and variables, set before a framework is imported
workers.py            which worker of a training this process is; starts and ends the others
guardian.py           ends the workers when worker 0 cannot
compilers.py          what is missing when a C++ compiler fails
interrupts.py         what may end a command early, and when
streams.py            outputs that may go away
chatter.py            what native libraries print unasked, held back
program.py            what all commands do around their work
complaints.py         one sentence about what is wrong with a command line
help.py               what `--help` prints, in groups
flags.py              settings as flags of the command line
datasets.py           MNIST, Fashion-MNIST and digits as arrays
dataset_files.py      their files, in the layouts that other programs use
download.py           their files, from the mirrors
disk.py               differences between systems in writing files
inputs.py             files from outside, read within limits
sampling.py           which training images a run sees, and the weight of each class
batches.py            which images are in which batch
augmentation.py       images moved a little, differently in every epoch
preparation.py        which images an epoch shows, and how
initial_weights.py    seeded starting weights
weights_file.py       trained weights as a file, checked when read
epochs.py             between epochs: validation, early stopping, checkpoints
checkpoints.py        the state of a training, so that it can be resumed
checkpoint_state.py   the contents of checkpoints
checkpoint_files.py   their files, complete or absent
checkpoint_events.py  what happened to checkpoints
clock.py              where the time of a run goes, by phase
probe.py              the machine's current speed
metrics.py            figures of an epoch and of each class
trained.py            the results that an implementation returns
verified.py           what verification found
run_ends.py           how a run ended
pairs.py              differences and ratios of paired runs, and the claims they support
results.py            the results of a run and of a comparison
kinds.py              the valid names and numbers in them
results_rules.py      the rules between them
results_file.py       results.json, read and written
events.py             messages from a child process to its parent
upgrade.py            results.json of the first schema
outputs.py            the output folder of a command
environment.py        the machine and the software
trace_events.py       a profiler's records as a file for Chrome's viewer
onnx_graph.py         ONNX files, and predictions from them
formats.py            how numbers are written
series.py             the series of a chart, as numbers
"""

import importlib.util
import sys
from types import TracebackType

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


def _end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Whoever interrupts the imports, before anything was done, need not read where."""
    if issubclass(kind, KeyboardInterrupt):
        print("interrupted before anything was done.", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _end
