"""Sound runs are not accused, and faults of a millionth are found: a small share of the whole."""

import io
from collections import Counter
from types import SimpleNamespace

import pytest

from benchmarks import alarms
from comparison import tracing, verification
from comparison.judging import judge
from comparison.reference import Reference
from shared.config import TrainConfig
from shared.errors import UsageError
from shared.registry import RUNS
from shared.verified import RunVerification, VerificationFailure

# What rounding makes stray further than a plain training, and how far it can be followed.
WILD = {
    "normalized over few": {"batch_norm": True, "batch_size": 3},
    "normalized over some": {"batch_norm": True, "batch_size": 13},
    "large steps with momentum": {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9},
}
TRAIN_SIZE = 1437

SEND = """
import sys
from comparison.tracing import send_traces
from shared.config import TrainConfig
from shared.flags import parse_flags
from shared.threads import prepare_environment
prepare_environment(1)
path, *words = sys.argv[1:]
with open(path, "wb") as stream:
    for flags in " ".join(words).split(" ; "):
        config = parse_flags(TrainConfig, "send", flags.split())
        send_traces(stream, "pytorch_impl", ["eager"], ["float64"], config)
"""


@pytest.fixture(scope="module")
def judged(warm, tmp_path_factory):
    """Of each wild training the verdict on PyTorch, and whether the controls were asked."""
    path = tmp_path_factory.mktemp("traces") / "traces"
    base = {"dataset": "digits", "hidden": (24, 12), "threads": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verification, "STEPS", 80)
        patch.setattr(verification, "BATCHES_PER_EPOCH", 20)
        configs = [TrainConfig(**base | fields) for fields in WILD.values()]
        shortened = [verification.shorten(config, TRAIN_SIZE) for config in configs]
    flags = " ; ".join(" ".join(config.as_flags()) for config in shortened)
    done = warm("pytorch").run("-c", SEND, str(path), *flags.split(), cwd=path.parent)
    assert done.returncode == 0, done.stderr
    verdicts = {}
    with path.open("rb") as stream:
        child = SimpleNamespace(stdout=stream, stderr=None)
        for name, config in zip(WILD, shortened, strict=True):
            oracle, known = Reference(config, "float64"), {"pytorch": "python"}
            (verdict,) = verification.judge_child(child, [RUNS["pytorch/eager"]], [oracle], known)
            verdicts[name] = verdict, bool(oracle._controls)
    return verdicts


@pytest.mark.parametrize("name", WILD)
def test_rounding_is_not_taken_for_a_fault(judged, name):
    verdict, asked = judged[name]
    assert verdict.passed, verdict.failure
    assert asked, "the plain tolerance would have done"


def test_no_sound_run_is_accused_and_every_fault_is_found(monkeypatch, capsys):
    monkeypatch.setattr(verification, "STEPS", 30)
    monkeypatch.setattr(verification, "BATCHES_PER_EPOCH", 10)
    request = alarms.Request(count=6, sharp=2)
    counts, caught = {}, {}
    alarms.count_alarms(request, counts)
    found = sum(counts.values(), Counter())
    assert found.keys() <= {"followed to the end", "partly followed"}
    assert found.total() == 6
    alarms.count_caught(request, caught)
    assert caught == {name: {"caught": 2} for name in alarms.FAULTS}
    capsys.readouterr()
    alarms.print_table("fault", ("caught", "missed"), caught)
    assert capsys.readouterr().out.splitlines()[-1] == "| all | 8 | 0 |"


# Step 1 of the first, all of the second's 6 steps: which strayed further than any control, and
# which stopped early for a loss that rounding alone made the lowest.
UNLUCKY = {"strayed": 59, "stopped early": 259}


@pytest.mark.parametrize("name", UNLUCKY)
def test_an_unlucky_run_is_not_accused(monkeypatch, name):
    monkeypatch.setattr(verification, "STEPS", 6)
    counts = {}
    alarms.count_alarms(alarms.Request(count=1, first=UNLUCKY[name]), counts)
    assert sum(counts.values(), Counter())["false alarm"] == 0


def test_a_run_that_stops_too_early_is_accused(monkeypatch):
    monkeypatch.setattr(verification, "STEPS", 12)
    monkeypatch.setattr(verification, "BATCHES_PER_EPOCH", 4)
    config = TrainConfig(
        dataset="digits", hidden=(12,), validation=0.2, patience=1, epochs=8, threads=1
    )
    reference = Reference(verification.shorten(config, TRAIN_SIZE), "float64")
    verdict = RunVerification("a")
    last = max(place for place, (kind, _) in enumerate(reference.moments[:-2]) if kind == "epoch")
    judge(verdict, reference.moments[: last - 1], reference)
    assert verdict.failure is not None
    assert verdict.failure.kind == "other_moment"


def test_a_fault_that_is_missed_counts(monkeypatch, capsys):
    monkeypatch.setattr(verification, "STEPS", 30)
    monkeypatch.setattr(alarms, "FAULTS", {"nothing": {}})
    counts = {}
    alarms.count_caught(alarms.Request(sharp=1), counts)
    assert counts == {"nothing": {"missed": 1}}
    assert "nothing, missed: --preset" in capsys.readouterr().out


def test_what_became_of_a_run_is_told_apart():
    off, hardly = (VerificationFailure(kind) for kind in ("off", "undecided"))
    steps = {"float64": 30}
    assert alarms.outcome(RunVerification("a", failure=off)) == "false alarm"
    assert alarms.outcome(RunVerification("a", failure=hardly)) == "not provable"
    assert alarms.outcome(RunVerification("a", steps=steps, oracle_steps=40)) == "partly followed"
    assert alarms.outcome(RunVerification("a", steps=steps, oracle_steps=30)) == (
        "followed to the end"
    )


@pytest.mark.parametrize("wrong", [{"count": -1}, {"sharp": -1}, {"framework": ("jax/eager",)}])
def test_a_request_is_refused(wrong):
    with pytest.raises(UsageError, match=r"^--(count|sharp|framework) "):
        alarms.Request(**wrong)


def test_traces_are_sent_though_nobody_else_has_standard_output(monkeypatch):
    sent = []

    def send(stream, *_):
        stream.write(b"a trace")
        sent.append(stream.getvalue())

    monkeypatch.setattr(tracing, "send_traces", send)
    # As in a program, which has put one of its own in the place of Python's.
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO()))
    alarms.send_all(alarms.Request(count=2), [RUNS["pytorch/eager"]])
    assert sent[-1] == 2 * b"a trace"
