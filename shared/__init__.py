"""What more than one room needs: for whoever follows a name from an implementation.

Nothing here imports a framework. In the order of reading, from a request to its results:

visible.py            text of unknown origin, as it can be shown
errors.py             what goes wrong because of the request
registry.py           every run that there is, and what its process needs
activations.py        every activation function, one record each
dataset_records.py    every dataset, one record each
config.py             every setting that all sides share
rules.py              what each setting may be
presets.py            settings by the name of a tutorial
threads.py            threads and variables, set before a framework is imported
workers.py            which worker of a training this process is, starting and ending the others
guardian.py           ends them where worker 0 cannot act
compilers.py          what is missing where a C++ compiler fails
interrupts.py         what ends a command early, and when it may
streams.py            outputs that may go away
program.py            what all commands have around their work
complaints.py         what is wrong with a command line, in one sentence
help.py               what `--help` prints, in groups
flags.py              settings as flags of the command line
datasets.py           MNIST, Fashion-MNIST and digits as arrays
dataset_files.py      their files, wherever people keep them
download.py           their files, from the mirrors
disk.py               what systems differ in when files are written
inputs.py             files from outside, read only as far as they may reach
sampling.py           which training images a run sees, and how much each class counts
batches.py            which of them are in which batch
augmentation.py       images moved a little, anew in every epoch
preparation.py        which images an epoch shows, and how
initial_weights.py    seeded starting weights
weights_file.py       trained weights as a file, checked when read
epochs.py             what works between epochs: validation, early stopping, checkpoints
checkpoints.py        where a training is, so that it can be resumed
checkpoint_state.py   what they hold
checkpoint_files.py   their files, complete or not there
checkpoint_events.py  what became of checkpoints
clock.py              where the time of a run goes, by phase
probe.py              how fast the machine is at the moment
metrics.py            figures of an epoch and of each class
trained.py            what an implementation hands back
verified.py           what verification found
run_ends.py           how a run ended
pairs.py              differences and ratios of paired runs, and what they support
results.py            what a run and a comparison leave behind
kinds.py              what the names and numbers in them may be
results_rules.py      what must hold between them
results_file.py       results.json, read and written
events.py             what a child process tells its parent
upgrade.py            results.json of the first schema
outputs.py            the folder that a command writes to
environment.py        the machine and the software
trace_events.py       what a profiler saw, as a file for Chrome's viewer
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
