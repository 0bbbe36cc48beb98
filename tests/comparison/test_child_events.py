"""Whatever a child process prints, its run ends with a result that can be drawn."""

from dataclasses import asdict

import msgspec
import pytest

from comparison.jobs import LOG_LINES, run_job
from comparison.plan import plan_jobs
from report.sentences import describe_end
from shared.clock import PHASES
from shared.config import TrainConfig
from tests.support.commands import fake_interpreter
from tests.support.limits import within
from tests.support.results import make_run

CONFIG = TrainConfig(dataset="digits", threads=1)
SLUG = "numpy-reference"
FILES = {name: f"{SLUG}.{name}.safetensors" for name in ("weights", "predictions")}
RUN = asdict(make_run("numpy/reference")) | FILES
EPOCH = RUN["epochs"][0]


class Silent:
    """In place of a display; it gets only what can be shown."""

    def phase(self, name):
        assert name in PHASES

    def epoch(self, epochs):
        assert all(epoch.train_seconds > 0 for epoch in epochs)


def listen(folder, *lines):
    """The result of a run whose child prints these lines, of which TOKEN becomes the token."""
    (folder / "lines").write_bytes(b"".join(line + b"\n" for line in lines))
    script = f'sed "s/TOKEN/$COMPARISON_TOKEN/" {folder / "lines"}'
    interpreters = {"numpy": str(fake_interpreter(folder / "python", script))}
    (job,) = plan_jobs(["numpy/reference"], interpreters, [CONFIG], repeats=1)
    epochs = []
    with within(10):
        return run_job(job, folder, epochs, Silent()), epochs


def tell(kind, content, **changed):
    """The line of an event in which something is otherwise."""
    return b"TOKEN" + msgspec.json.encode({kind: content | changed})


def test_what_merely_looks_like_an_event_is_none(tmp_path):
    lines = [tell(*each)[5:] for each in (("epoch", EPOCH), ("run", RUN))]
    result, epochs = listen(tmp_path, *lines, b"\xff\xfe {", b"", b"[" * 100_000, b"0" * 32)
    assert (result.status, result.end.kind, epochs) == ("failed", "exit_status", [])
    assert (tmp_path / f"{SLUG}.log").read_bytes().startswith(lines[0])
    assert len(result.error_output) <= LOG_LINES
    assert all(line.isprintable() and len(line) <= 2000 for line in result.error_output)


def test_what_the_child_tells_is_believed_if_it_can_be(tmp_path):
    for name in FILES.values():
        (tmp_path / name).write_bytes(b"")
    line = tell("run", RUN, run="other/run", seed=7, setting=3, device="\x1b[31mcpu\u202e")
    result, epochs = listen(tmp_path, tell("epoch", EPOCH), line)
    assert (result.status, len(epochs)) == ("completed", 1)
    # What is known better is not the child's to say, and what it says can be shown.
    assert (result.run, result.seed, result.setting) == ("numpy/reference", 0, 0)
    assert result.device == r"\x1b[31mcpu\u202e"


UNFIT = {
    "a bad byte": (tell("epoch", EPOCH)[:-2] + b"\xff}}", "malformed"),
    "no time": (tell("epoch", EPOCH, train_seconds=0), "train_seconds"),
    "no loss": (tell("epoch", EPOCH, test_loss=None), "test_loss"),
    "no phase": (b'TOKEN{"phase":"lunch"}', "lunch"),
    "no JSON": (b"TOKEN epoch 1", "malformed"),
    "nested": (b'TOKEN{"epoch":' + b"[" * 100_000, ""),
    "no figures": (tell("run", RUN, test_accuracy=None), "test_accuracy"),
    "no epochs": (tell("run", RUN, epochs=[]), "epochs"),
    "an epoch twice": (tell("run", RUN, epochs=[EPOCH, EPOCH]), "epochs[1].epoch"),
    "another phase": (tell("run", RUN, phases={"rest": 1.0}), "phases"),
    "no files": (tell("run", RUN), FILES["weights"]),
    "files elsewhere": (tell("run", RUN, weights="/etc/hostname"), "/etc/hostname"),
}


@pytest.mark.parametrize(("line", "named"), UNFIT.values(), ids=UNFIT)
def test_a_result_that_cannot_be_is_a_failed_run(line, named, tmp_path):
    result, _ = listen(tmp_path, line)
    assert (result.status, result.end.kind) == ("failed", "unfit")
    words = describe_end(result, CONFIG)
    assert words.startswith("reported an impossible result: ")
    assert named in words
    assert words.isprintable()
    assert len(words) < 300


def test_epochs_that_do_not_follow_one_another_are_no_result(tmp_path):
    result, epochs = listen(tmp_path, *(tell("epoch", EPOCH, epoch=k) for k in (1, 3)))
    assert (result.end.kind, len(epochs)) == ("unfit", 1)


def test_only_the_end_of_a_long_log_is_kept(tmp_path):
    result, _ = listen(tmp_path, *(b"%d" % k for k in range(20_000)), b"x" * 10**6)
    assert len(result.error_output) <= LOG_LINES
    assert sum(map(len, result.error_output)) < 70_000
