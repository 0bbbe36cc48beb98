"""A training that was interrupted ends as if it had not been, and damaged checkpoints are seen.

Each framework is asked in a process of its own, NumPy in this one:
`python -m tests.shared.test_checkpoints pytorch FILE` writes what it found.
"""

import importlib
import json
import os
import pickle
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np
import pytest
from filelock import FileLock, Timeout
from safetensors.numpy import save

from benchmarks import damages, kills
from commands.single_run import drain, train_and_save
from report import sentences
from shared import checkpoint_files
from shared.chatter import native_chatter_held_back
from shared.checkpoint_files import MANIFEST, STATE, checksum, numbers
from shared.checkpoint_state import Origin, read
from shared.checkpoints import Checkpoints, open_checkpoints
from shared.clock import Clock
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.errors import CheckpointError, UsageError
from shared.events import Event
from shared.initial_weights import initial_weights
from shared.sampling import load_configured
from shared.threads import prepare_environment
from tests.support.commands import ROOT, warm
from tests.support.limits import within
from tests.support.results import make_result

BASE = TrainConfig(dataset="digits", limit=300, hidden=(8, 8), epochs=4, threads=1)
# Trainings with whatever a technique remembers from step to step, and after how many checkpoints,
# two steps apart, they are interrupted: within an update, within an epoch, at an epoch's end.
TOGETHER = {
    "by steps": (
        {
            "optimizer": "sgd",
            "momentum": 0.9,
            "nesterov": True,
            "accumulate": 3,
            "schedule": "cosine",
            "warmup_steps": 3,
            "clip_norm": 1.0,
            "dropout": 0.3,
            "batch_norm": True,
            "augment": True,
            "sampling": "balanced",
        },
        4,
    ),
    "by epochs": (
        {
            "optimizer": "rmsprop",
            "momentum": 0.5,
            "learning_rate": 0.05,
            "schedule": "plateau",
            "schedule_epochs": 1,
            "validation": 0.2,
            "patience": 2,
            # So that the first epoch is the best, and the third the last.
            "min_delta": 5.0,
        },
        5,
    ),
}
ALONE = {
    "adam": ({}, 3),
    "momentum": ({"optimizer": "sgd", "momentum": 0.9}, 4),
    "rmsprop": ({"optimizer": "rmsprop", "momentum": 0.5}, 4),
    "adagrad": ({"optimizer": "adagrad", "float_type": "float64"}, 4),
    "accumulated": ({"accumulate": 3}, 1),
    "step schedule": ({"schedule": "step", "schedule_epochs": 1}, 7),
    "step schedule amid an update": (
        {"schedule": "step", "schedule_epochs": 1, "accumulate": 3},
        7,
    ),
    "dropout": ({"dropout": 0.5}, 2),
    "batch normalization": ({"batch_norm": True}, 4),
}
# Tracing takes most of the time, so it is done where it is not the techniques that matter.
FRAMEWORKS = [
    ("pytorch", "eager", "by steps"),
    ("pytorch", "eager", "by epochs"),
    ("tensorflow", "eager", "by steps"),
    ("tensorflow", "graph", "by epochs"),
]
KILLS = 10


@cache
def load_images(float_type: str, validation: float) -> Dataset:
    """The digits, which take a while to be enlarged."""
    return load_configured(replace(BASE, float_type=float_type, validation=validation))


WEIGHTS = initial_weights(kills.TINY.hidden, seed=0)

BATCHES = ("losses", "correct")


def load(config: TrainConfig) -> Dataset:
    """The images of a training."""
    return load_images(config.float_type, config.validation)


def train(
    run: str, config: TrainConfig, checkpoints: Checkpoints | None = None, saves: int = 0
) -> list[np.ndarray] | None:
    """All that comes out of a training; None if it was interrupted after so many saves."""
    package, _, variant = run.partition("/")
    with native_chatter_held_back():
        module = importlib.import_module(f"{package}_impl.run")
    if saves:
        save, left = checkpoints.save, saves

        def save_or_stop(*arrays: dict[str, np.ndarray]) -> None:
            nonlocal left
            save(*arrays)
            left -= 1
            if not left:
                raise KeyboardInterrupt

        checkpoints.save = save_or_stop
    epochs = [] if checkpoints is None else list(checkpoints.epochs)
    dataset = load(config)
    training = module.run(config, variant, dataset, Clock(), checkpoints)
    # So large in float16 that the first steps are skipped; one that forgot it would skip more.
    scale = mock.patch(f"{package}_impl.techniques.precision.INITIAL_SCALE", 2.0**20, create=True)
    try:
        with scale:
            trained = drain(training, epochs.append)
    except KeyboardInterrupt:
        return None
    figures = [list(kills.figures(epoch).values()) for epoch in epochs]
    logits = trained.predict(dataset.test_images)
    return [*trained.weights.values(), logits, np.array(figures, float)]


def resumed_equals_whole(run: str, fields: dict[str, object], saves: int) -> bool:
    """Whether a training that is interrupted after so many saves ends as one that is not."""
    prepare_environment(1)
    config = replace(BASE, **fields)
    whole = train(run, config)
    # Nothing here has to survive a power failure.
    with TemporaryDirectory() as folder, mock.patch("os.fsync"):
        saving = replace(config, checkpoint_dir=Path(folder), checkpoint_steps=2)
        if run.endswith("/fit"):
            saving = replace(saving, checkpoint_steps=None)
        dataset = load(config)
        first = open_checkpoints(saving, run, "run", dataset)
        assert train(run, saving, first, saves) is None
        second = open_checkpoints(replace(saving, resume=True), run, "run", dataset)
        assert second.steps == first.steps > 0
        resumed = train(run, saving, second)
    return all(np.array_equal(*pair, equal_nan=True) for pair in zip(whole, resumed, strict=True))


def refused_states(run: str) -> list[str]:
    """What is said of an optimizer's state, for each array of which another shape was saved."""
    prepare_environment(1)
    config = replace(BASE, optimizer="sgd", momentum=0.9, accumulate=3, epochs=2)
    said = []
    with TemporaryDirectory() as folder, mock.patch("os.fsync"):
        saving = replace(config, checkpoint_dir=Path(folder), checkpoint_steps=2)
        asked = run, "run", load(config)
        first = open_checkpoints(saving, *asked)
        train(run, saving, first, saves=2)
        again = replace(saving, resume=True)
        kept = open_checkpoints(again, *asked)
        for name, array in kept.state.items():
            if array.ndim:
                second = open_checkpoints(again, *asked)
                second.state[name] = np.concatenate([array, array])
                try:
                    train(run, again, second)
                    said.append(f"{name} was taken")
                except CheckpointError as refusal:
                    said.append(str(refusal))
    return said


def fit_refuses_steps() -> str:
    """What Keras's own loop says when it is to be left within an epoch."""
    prepare_environment(1)
    try:
        train("tensorflow/fit", replace(BASE, checkpoint_dir=Path("x"), checkpoint_steps=2))
    except UsageError as refusal:
        return str(refusal)
    return "nothing"


def find_out(framework: str) -> dict[str, object]:
    """What a framework's process answers, by question."""
    eager, answers = f"{framework}/eager", {}
    # First, while the process has not used its framework yet and can be split.
    if hasattr(os, "fork"):
        answers["kills"] = kills.kill_again_and_again(eager, KILLS, 0)
    for name, variant, case in FRAMEWORKS:
        if name == framework:
            run = f"{name}/{variant}"
            answers[f"{variant} {case}"] = resumed_equals_whole(run, *TOGETHER[case])
    # What NumPy does not have.
    run, saves = {"pytorch": (eager, 3), "tensorflow": ("tensorflow/fit", 1)}[framework]
    fields = {"precision": "float16", "dropout": 0.3, "epochs": 2}
    answers["float16"] = resumed_equals_whole(run, fields, saves)
    answers["states"] = refused_states(eager)
    if framework == "tensorflow":
        answers["fit refuses"] = fit_refuses_steps()
    return answers


@cache
def ask(framework: str) -> dict[str, object]:
    """What a framework's process finds out, by question."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "answers")
        words = "-m", "tests.shared.test_checkpoints", framework, str(path)
        done = warm(framework).run(*words, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        return pickle.loads(path.read_bytes())


@pytest.fixture(params=["pytorch", "tensorflow"])
def elsewhere(request) -> dict[str, object]:
    """What a framework's process finds out, by question."""
    return ask(request.param)


# --- Damage, and what is of another training ---


@pytest.fixture
def kept(tmp_path) -> Checkpoints:
    """Two checkpoints with made-up numbers."""
    return damages.make_checkpoints(tmp_path / "run", kills.TINY)


def fresh(kept: Checkpoints, **changes: object) -> Checkpoints:
    """The same checkpoints as another process finds them."""
    return replace(kept, epochs=[], batches={}, best={}, events=[], good=[], **changes)


def test_every_damage_is_detected_and_the_checkpoint_before_used(kept):
    assert list(damages.damage_again_and_again(kept, 100, 0)) == [True] * 100


def replaced(kept: Checkpoints, name: str, content: bytes | None = None) -> Path:
    """A file of the newest checkpoint that is taken away, or has another content and checksum."""
    folder = kept.folder / f"{max(numbers(kept.folder)):06}"
    path, manifest = folder / name, folder / MANIFEST
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
    if content is not None and name != MANIFEST:
        sums = json.loads(manifest.read_bytes()) | {name: checksum(content)}
        manifest.write_text(json.dumps(sums))
    return path


def resumes_with_the_one_before(kept: Checkpoints, kind: str) -> bool:
    """Whether the newest checkpoint is refused for this reason, and soon."""
    again = fresh(kept)
    with within(10):
        again.load_newest()
    return [event.kind for event in again.events] == [kind, "resumed"]


@pytest.mark.parametrize("name", [MANIFEST, STATE, "weights.safetensors"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_regular_file_is_refused_at_once(kept, name, kind):
    path = replaced(kept, name)
    make = {"pipe": os.mkfifo, "device": lambda p: p.symlink_to("/dev/zero"), "folder": os.mkdir}
    make[kind](path)
    assert resumes_with_the_one_before(kept, "unreadable")


@pytest.mark.parametrize("name", [MANIFEST, STATE, "weights.safetensors"])
def test_a_file_of_30_gigabytes_is_not_read(kept, name):
    with replaced(kept, name).open("wb") as file:
        file.truncate(30 * 10**9)
    assert resumes_with_the_one_before(kept, "unreadable")


@pytest.mark.parametrize("name", [MANIFEST, STATE])
def test_json_nested_without_end_is_refused(kept, name):
    replaced(kept, name, b'{"x":' * 100_000)
    assert resumes_with_the_one_before(kept, "unknown")


@pytest.mark.parametrize("name", ["../../outside", "/etc/hostname", "else.safetensors", "a/../b"])
def test_a_manifest_names_only_files_of_a_checkpoint(kept, name, tmp_path):
    folder = kept.folder / f"{max(numbers(kept.folder)):06}"
    (tmp_path / "outside").write_bytes(b"secret")
    sums = json.loads((folder / MANIFEST).read_bytes()) | {name: checksum(b"secret")}
    (folder / MANIFEST).write_text(json.dumps(sums))
    assert resumes_with_the_one_before(kept, "unknown")


UNFIT = {
    "another shape": ("weights", WEIGHTS | {"dense_1/kernel": np.zeros((784, 9), np.float32)}),
    "another type": ("weights", {k: v.astype(np.float64) for k, v in WEIGHTS.items()}),
    "another name": ("weights", WEIGHTS | {"dense_9/kernel": np.zeros(1, np.float32)}),
    "none": ("weights", {}),
    "no best": ("best", {"dense_1/kernel": np.zeros(1, np.float32)}),
    "more steps than an epoch has": ("batches", dict.fromkeys(BATCHES, np.zeros(6))),
    "figures of no step": ("batches", dict.fromkeys(BATCHES, np.zeros(()))),
    "half of the figures": ("batches", {"losses": np.zeros(2)}),
    "not as many": ("batches", {"losses": np.zeros(2), "correct": np.zeros(1)}),
}


@pytest.mark.parametrize(("part", "arrays"), UNFIT.values(), ids=UNFIT)
def test_arrays_that_are_of_no_such_training_are_refused(kept, part, arrays):
    replaced(kept, f"{part}.safetensors", save(arrays))
    assert resumes_with_the_one_before(kept, "unknown")


def test_an_optimizers_state_that_does_not_fit_is_told(kept):
    again = fresh(kept)
    again.load_newest()

    def refuse(_: object) -> None:
        raise KeyError("momentum")

    def get_state() -> dict[str, np.ndarray]:
        return dict(again.state)

    with pytest.raises(CheckpointError, match=r"does not fit \('momentum'\); .*\.$"):
        list(again.replay(iter([]), lambda _: None, (get_state, refuse)))


OWN = {"random": np.zeros(1), "means": np.zeros((3, 2), np.float32)}
UNFIT_STATES = {
    "another shape": (OWN | {"means": np.zeros((2, 3), np.float32)}, r"means is float32 \[2, 3\]"),
    "another type": (OWN | {"means": np.zeros((3, 2))}, r"means is float64 \[3, 2\]"),
    "not all": ({"random": np.zeros(1)}, "it lacks means"),
}


@pytest.mark.parametrize(("state", "said"), UNFIT_STATES.values(), ids=UNFIT_STATES)
def test_the_state_of_another_optimizer_is_not_copied_in(kept, state, said):
    kept.save(WEIGHTS, state)
    again, copied = fresh(kept), []
    again.load_newest()
    access = (lambda: OWN), copied.append
    with pytest.raises(CheckpointError, match=rf"the optimizer's state in .* \({said}.*\); .*\.$"):
        list(again.replay(iter([]), lambda _: None, access))
    assert copied == []


def test_the_oracle_takes_no_state_of_another_shape():
    said = refused_states("numpy/reference")
    assert said and all("does not fit" in each for each in said), said


def test_the_frameworks_take_no_state_of_another_shape(elsewhere):
    said = elsewhere["states"]
    assert said and all("does not fit" in each for each in said), said


def test_what_was_saved_comes_back(kept):
    # With gaps, as a transposed array has.
    kept.best = {name: np.array(array, order="F") for name, array in WEIGHTS.items()}
    kept.save(WEIGHTS, {"random": np.uint8([3])})
    again = fresh(kept)
    again.load_newest()
    assert (again.epochs, again.steps) == (kept.epochs, kept.steps) == (again.epochs, 12)
    for one, other in ((again.batches, kept.batches), (again.best, kept.best)):
        assert one.keys() == other.keys()
        for name, array in one.items():
            np.testing.assert_array_equal(array, other[name])
            assert array.dtype == other[name].dtype
            assert array.flags.writeable
    assert again.words() == [
        f"pytorch/eager (seed 0) resumed from step 12, saved in {kept.folder / '000003'}; "
        "its times, except those of the epochs, count from there."
    ]


def test_only_the_newest_are_kept(kept):
    kept.save(WEIGHTS, {"random": np.zeros(1)})
    assert sorted(path.name for path in kept.folder.iterdir()) == ["000002", "000003"]
    # What a save that was cut short left behind is not looked at, and goes with the next one.
    (kept.folder / "000004.partial").mkdir()
    again = fresh(kept)
    again.load_newest()
    assert again.good == [3]
    again.save(WEIGHTS, {"random": np.zeros(1)})
    assert sorted(path.name for path in kept.folder.iterdir()) == ["000003", "000004"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"run": "pytorch/compiled"}, "pytorch/eager, not pytorch/compiled"),
        ({"config": kills.TINY.as_json() | {"seed": 7}}, "--seed 0, not 7"),
        ({"config": kills.TINY.as_json() | {"hidden": [9]}}, "--hidden 8 8, not 9"),
        (
            {"config": kills.TINY.as_json() | {"activation": "gelu"}},
            "--activation relu, not gelu",
        ),
        ({"data": {"images": "00"}}, "other data"),
    ],
)
def test_a_foreign_checkpoint_is_refused(kept, changed, said):
    other = fresh(kept, origin=replace(kept.origin, **changed))
    with pytest.raises(UsageError) as refusal:
        other.load_newest()
    message = str(refusal.value)
    folder = kept.folder / "000002"
    assert f"The checkpoint {folder} is not used: it was made with {said}." in message
    assert message.startswith(f"--checkpoint-dir {kept.folder.parent}: expected ")
    # But if the one before is its own, that one is used.
    spare = folder.rename(kept.folder.parent / "spare")
    weights = initial_weights(tuple(other.origin.config["hidden"]), seed=0)
    other.save(weights, {"random": np.zeros(1)})
    spare.rename(kept.folder / "000009")
    other = fresh(other)
    other.load_newest()
    assert [number for number in numbers(kept.folder) if number != 9] == other.good
    assert len(other.events) == 2


def test_a_checkpoint_without_a_setting_is_of_its_default(tmp_path):
    longer = replace(kills.TINY, epochs=3).as_json()
    old = {k: v for k, v in longer.items() if k != "activation"}
    first = damages.make_checkpoints(tmp_path / "run", kills.TINY)
    first.origin = replace(first.origin, config=old)
    first.save(WEIGHTS, {"random": np.zeros(1)})
    relu, gelu = (
        fresh(first, origin=replace(first.origin, config=old | {"activation": name}))
        for name in ("relu", "gelu")
    )
    relu.load_newest()
    assert relu.steps == first.steps
    with pytest.raises(UsageError, match="--activation relu, not gelu"):
        gelu.load_newest()


def test_origins_differ_only_in_what_matters(tmp_path):
    config = replace(BASE, checkpoint_dir=tmp_path)
    dataset = load(config)
    origin = open_checkpoints(config, "numpy/reference", "a", dataset).origin
    for changed in (
        {"target_accuracy": 0.5, "offline": True, "data_dir": Path("x")},
        {"checkpoint_steps": 3, "checkpoint_dir": tmp_path / "b"},
    ):
        same = open_checkpoints(replace(config, **changed), "numpy/reference", "a", dataset)
        assert same.origin == origin
    for changed in ({"threads": 2}, {"schedule": "cosine"}, {"augment": True}, {"seed": 1}):
        other = open_checkpoints(replace(config, **changed), "numpy/reference", "a", dataset)
        assert len(other.origin.differences(origin)) == 1
    assert origin.data == dataset.sha256 != {}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"schedule": "step", "schedule_epochs": 1, "accumulate": 3},
        {"schedule": "plateau", "schedule_epochs": 1, "validation": 0.2, "min_delta": 5.0},
        {"optimizer": "sgd", "warmup_steps": 9, "dropout": 0.3, "augment": True},
    ],
    ids=" ".join,
)
def test_more_epochs_follow_on_fewer(fields, tmp_path):
    prepare_environment(1)
    config = replace(BASE, **fields)
    whole = train("numpy/reference", config)
    with mock.patch("os.fsync"):
        saving = replace(config, checkpoint_dir=tmp_path, epochs=BASE.epochs - 2)
        first = open_checkpoints(saving, "numpy/reference", "run", load(config))
        train("numpy/reference", saving, first)
        longer = replace(saving, epochs=BASE.epochs, resume=True)
        second = open_checkpoints(longer, "numpy/reference", "run", load(config))
        assert len(second.epochs) == BASE.epochs - 2
        resumed = train("numpy/reference", longer, second)
    for pair in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(*pair)


def test_where_each_step_depends_on_their_number_epochs_are_not_added(kept):
    cosine = replace(kills.TINY, schedule="cosine", epochs=3).as_json()
    kept.origin = replace(kept.origin, config=cosine)
    kept.save(WEIGHTS, {"random": np.zeros(1)})
    longer = fresh(kept, origin=replace(kept.origin, config=cosine | {"epochs": 8}))
    with pytest.raises(UsageError) as refusal:
        longer.load_newest()
    words = "--epochs 3, not 8; the cosine schedule depends on the number of epochs"
    assert f"000003 is not used: it was made with {words}." in str(refusal.value)


def test_epochs_that_were_trained_are_not_taken_back(kept):
    fewer = fresh(kept, origin=replace(kept.origin, config=kept.origin.config | {"epochs": 2}))
    with pytest.raises(UsageError, match=r"has gone further \(--epochs 3, not 2\)"):
        fewer.load_newest()


def test_two_trainings_do_not_save_to_one_folder(tmp_path):
    config = replace(BASE, checkpoint_dir=tmp_path)
    asked = config, "numpy/reference", "a", load(config)
    (tmp_path / "a").mkdir()
    other = FileLock(tmp_path / "a.lock", is_singleton=False)
    with (
        other,
        pytest.raises(UsageError, match=r"^--checkpoint-dir .*: another training is saving to"),
    ):
        open_checkpoints(*asked)
    held = open_checkpoints(*asked)
    with pytest.raises(Timeout):
        other.acquire(timeout=0)
    del held
    other.acquire(timeout=0)
    other.release()


def strew(folder: Path) -> None:
    """What is no checkpoint of ours."""
    for name in ("1", "12", "000004.partial"):
        (folder / name).mkdir(parents=True)
    (folder / "000004.partial" / "old").write_text("old")
    (folder / "000003.partial").write_text("a file")
    (folder / "notes.txt").write_text("mine")


def test_what_lies_beside_the_checkpoints_is_no_matter(kept):
    strew(kept.folder)
    assert sorted(numbers(kept.folder)) == [1, 2]
    for _ in range(3):
        kept.save(WEIGHTS, {"random": np.zeros(1)})
    assert kept.good == [4, 5]
    names = {path.name for path in kept.folder.iterdir()}
    assert names == {"000004", "000005", "1", "12", "notes.txt"}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_checkpoint_that_is_not_finished_leaves_nothing(error, kept, monkeypatch):
    written = []

    def fail(path: Path, content: bytes) -> None:
        if len(written) == 2:
            raise error
        written.append(path.write_bytes(content))

    monkeypatch.setattr(checkpoint_files, "write_durably", fail)
    with pytest.raises((CheckpointError, KeyboardInterrupt)) as raised:
        kept.save(WEIGHTS, {"random": np.zeros(1)})
    assert isinstance(error, KeyboardInterrupt) or str(raised.value) == (
        f"--checkpoint-dir {kept.folder.parent}: cannot be written (No space left on device); "
        "choose another folder."
    )
    assert sorted(path.name for path in kept.folder.iterdir()) == ["000001", "000002"]


def test_nothing_is_overwritten_without_being_asked(kept):
    config = replace(BASE, checkpoint_dir=kept.folder.parent)
    with pytest.raises(UsageError, match=r"holds checkpoints; add --resume"):
        open_checkpoints(config, "pytorch/eager", kept.folder.name, load(config))
    assert sorted(numbers(kept.folder)) == [1, 2]


def test_a_folder_that_cannot_be_one(tmp_path):
    (tmp_path / "file").write_text("")
    config = replace(BASE, checkpoint_dir=tmp_path / "file")
    with pytest.raises(UsageError, match=r"--checkpoint-dir .*: cannot be written"):
        open_checkpoints(config, "numpy/reference", "x", load(config))


def test_an_epochs_order_is_cut_where_checkpoints_are_due():
    kept = Checkpoints(Path("x"), Origin("", {}, {}), 2, batch_size=10, steps_per_epoch=5)
    order = np.arange(47)
    assert [len(piece) for piece in kept.pieces(order)] == [20, 20, 7]
    kept.add_batches(np.zeros(2), np.zeros(2, int))
    assert [piece.tolist() for piece in kept.pieces(order)] == [
        list(range(20, 40)),
        list(range(40, 47)),
    ]
    # From a training that saved more often.
    kept.add_batches(np.zeros(1), np.zeros(1, int))
    assert [len(piece) for piece in kept.pieces(order)] == [10, 7]
    kept.every = None
    assert [len(piece) for piece in kept.pieces(order)] == [17]


# --- The same result ---


@pytest.mark.parametrize("name", [*ALONE, *TOGETHER])
def test_the_oracle_goes_on_as_if_nothing_had_happened(name):
    assert resumed_equals_whole("numpy/reference", *(ALONE | TOGETHER)[name])


@pytest.mark.parametrize(("elsewhere", "variant", "name"), FRAMEWORKS, indirect=["elsewhere"])
def test_the_frameworks_go_on_as_if_nothing_had_happened(elsewhere, variant, name):
    assert elsewhere[f"{variant} {name}"]


@pytest.mark.parametrize("elsewhere", ["pytorch"], indirect=True)
def test_the_loss_scale_is_not_forgotten(elsewhere):
    assert elsewhere["float16"]


@pytest.mark.parametrize("elsewhere", ["tensorflow"], indirect=True)
def test_fit_goes_on_between_epochs_only(elsewhere):
    assert elsewhere["float16"]
    assert elsewhere["fit refuses"].startswith("--checkpoint-steps 2: Keras's fit can")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes can't be split here")
def test_killed_trainings_go_on_to_the_identical_result(elsewhere):
    outcomes = elsewhere["kills"]
    assert len(outcomes) == KILLS
    assert sum(outcome.in_save for outcome in outcomes) == KILLS // 2
    assert [outcome for outcome in outcomes if not outcome.is_good] == []
    # They were not all killed at the beginning.
    assert len({outcome.saved for outcome in outcomes}) > 2


def test_a_resumed_run_says_so(tmp_path, capsys):
    prepare_environment(1)
    config = replace(BASE, checkpoint_dir=tmp_path / "kept", checkpoint_steps=2, resume=True)
    dataset = load(config)

    def run() -> tuple:
        heard: list[Event] = []
        asked = ("numpy", "reference", config, dataset, Clock(), tmp_path, "numpy-reference")
        made = train_and_save(*asked, heard.append)
        epochs = [event.epoch.epoch for event in heard if event.epoch]
        return made, epochs, capsys.readouterr().err

    first, heard, said = run()
    assert (first.resumed_from_step, heard) == (None, [1, 2, 3, 4])
    assert "no checkpoint in" in said
    folder = tmp_path / "kept" / "numpy-reference"
    newest, before = sorted(folder.iterdir(), reverse=True)
    (newest / "weights.safetensors").write_bytes(b"")
    second, heard, said = run()
    assert (second.resumed_from_step, heard) == (19, [4])
    assert list(map(kills.figures, second.epochs)) == list(map(kills.figures, first.epochs))
    refused, resumed = said.splitlines()
    assert refused == f"The checkpoint {newest} is not used: weights.safetensors is damaged."
    assert resumed.startswith(f"numpy/reference (seed 0) resumed from step 19, saved in {before}; ")
    result = make_result(dataset, second)
    assert [f"NOTICE: {line}" for line in (refused, resumed)] == sentences.in_words(result)[:2]
    # The time of the epoch that was begun elsewhere is not known.
    times = sorted(epoch.train_seconds for epoch in second.epochs[1:3])
    assert second.epoch_seconds == pytest.approx(sum(times) / 2)
    assert read(max(folder.iterdir()))[0].epochs[-1].epoch == 4


def test_the_epoch_that_warms_up_again_does_not_count(tmp_path):
    prepare_environment(1)
    config = replace(BASE, epochs=2, checkpoint_dir=tmp_path, resume=True)
    dataset = load(config)
    for epochs in (2, 4):
        asked = replace(config, epochs=epochs), dataset, Clock(), tmp_path, "numpy-reference"
        made = train_and_save("numpy", "reference", *asked, lambda _: None)
    _, second, _, fourth = (epoch.train_seconds for epoch in made.epochs)
    assert made.epoch_seconds == pytest.approx((second + fourth) / 2)


def test_a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(tmp_path, monkeypatch):
    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(
        CheckpointError, match=r"cannot be read \(Permission denied\); change its permissions"
    ):
        numbers(tmp_path)


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(pickle.dumps(find_out(sys.argv[1])))
