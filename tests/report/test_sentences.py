"""The sentences of the report: verdicts, warnings, and what went wrong."""

from dataclasses import replace

import pytest

from report import markdown, sentences, verdicts
from report.verification import describe_verification
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.download import describe_stand_in
from shared.results import Probe, RunEnd, RunResult
from shared.rules import choices_of
from tests.support.results import (
    ENVIRONMENT,
    MISSING,
    UNTIMED,
    make_result,
    make_run,
    make_unfinished,
    make_verification,
)


def test_words_of_one_run_are_none(dataset):
    assert sentences.in_words(make_result(dataset, make_run("numpy/reference"))) == []


def test_words_compare_each_with_the_first(dataset):
    runs = [make_run(name) for name in ("pytorch/eager", "tensorflow/fit", "numpy/reference")]
    (words,) = sentences.in_words(make_result(dataset, *runs))
    assert words.startswith("The fastest run of each framework: pytorch/eager and tensorflow/fit. ")
    assert words.endswith(" Observed once; --repeats 8 for a verdict.")


def test_an_unknown_time_per_epoch_has_a_reason_and_no_ratio(dataset):
    result = make_result(dataset, *UNTIMED)
    reason, *words = sentences.in_words(result)
    assert reason.startswith(
        "NOTICE: the training time per epoch of pytorch/eager, pytorch/compiled, tensorflow/fit is "
        "unknown: "
    )
    assert words == ["Test accuracies were all 91.00 %. Observed once; --repeats 8 for a verdict."]
    told = verdicts.each_pair(result)
    assert told == [
        f"The training time per epoch of {name} or pytorch/eager is unknown. "
        "Its test accuracy was the same."
        for name in ("pytorch/compiled", "tensorflow/fit")
    ]


def test_words_about_what_went_wrong_come_before_the_figures(dataset):
    runs = [
        make_run("pytorch/eager"),
        make_unfinished("tensorflow/fit", "failed", "It broke."),
        make_run("numpy/reference"),
        make_unfinished("tensorflow/graph", "diverged", "The loss was lost.", seed=7),
    ]
    words = sentences.in_words(make_result(dataset, *runs, missing=MISSING))
    assert words[:3] == [
        f"NOTICE: {describe_stand_in(MISSING)}",
        "tensorflow/fit (seed 0) failed: It broke.",
        "tensorflow/graph (seed 7) diverged: The loss was lost.",
    ]
    assert [line.partition(" ")[0] for line in words[3:]] == ["numpy/reference"]


def test_different_devices_are_a_loud_warning(dataset):
    runs = [make_run("pytorch/eager"), make_run("tensorflow/fit")]
    assert not any("WARNING" in line for line in sentences.in_words(make_result(dataset, *runs)))
    runs[0].device = "cuda (NVIDIA H200)"
    result = make_result(dataset, *runs)
    warning = (
        "WARNING: the runs used different devices (pytorch/eager on cuda (NVIDIA H200), "
        "tensorflow/fit on cpu). Their timings compare devices, not frameworks."
    )
    assert sentences.in_words(result)[0] == warning
    assert warning in markdown.markdown(result, {})


def test_a_run_that_never_had_a_device_is_no_other_device(dataset):
    runs = [make_run("pytorch/eager"), make_unfinished("tensorflow/fit", "failed", "It broke.")]
    assert not any("WARNING" in line for line in sentences.in_words(make_result(dataset, *runs)))


@pytest.mark.parametrize(
    ("passed", "verdict"), [(True, "Verification passed"), (False, "Verification FAILED")]
)
def test_the_summary_tells_what_was_verified(passed, verdict, dataset):
    verification = make_verification(passed)
    first, second = describe_verification(verification, TrainConfig())
    assert first.startswith(verdict)
    assert "(20 steps, 1.2 s)." in first
    assert "only the placement of Adam's epsilon" in first
    assert describe_verification(verification, TrainConfig(alignment="exact"))[0].endswith(
        "(20 steps, 1.2 s)."
    )
    own_layers = describe_verification(verification, TrainConfig(activation="gelu"))[0]
    assert "Adam's epsilon" not in own_layers and "own layers" in own_layers
    config = TrainConfig(alignment="exact", dropout=0.2, precision="bfloat16")
    without = describe_verification(verification, config)[0]
    assert without.endswith(" Not verified: --dropout, --precision.")
    found = {
        True: "computes the same as the NumPy reference: in float64 logits within 4e-16, gradients "
        "1e-15, weights after 20 steps 2e-15; in float32 logits 1e-06, gradients 1e-06",
        False: "float64, after step 3: dense_1/kernel is off by 2.0e-03, more than the 1.0e-12 "
        "that rounding explains; the other weights agree, so dense_1/kernel and dense_1/bias are "
        "updated differently",
    }[passed]
    assert second == f"  pytorch/eager {found}"
    result = make_result(dataset, make_run("pytorch/eager"), verification=verification)
    lines = markdown.markdown(result, {}).splitlines()
    assert first in lines
    assert f"- pytorch/eager {found}" in lines


def test_words_begin_with_a_verification_only_if_it_failed(dataset):
    runs = [make_run("pytorch/eager"), make_run("numpy/reference")]
    words = [
        sentences.in_words(make_result(dataset, *runs, verification=verification))
        for verification in (None, make_verification(True), make_verification(False))
    ]
    assert words[1] == words[0]
    assert words[2][0].startswith("Verification FAILED")
    assert words[2][1:] == words[0]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (3, "ended with exit status 3"),
        (3221225477, "ended with exit status 3221225477 (0xC0000005, access violation)"),
        (3221225786, "ended with exit status 3221225786 (0xC000013A, Ctrl-C)"),
        (3221226000, "ended with exit status 3221226000 (0xC0000210, an error of Windows)"),
    ],
)
def test_exit_statuses_of_windows_are_explained(status, said):
    run = make_run("pytorch/eager")
    run.end = RunEnd("exit_status", exit_status=status)
    assert sentences.describe_end(run, TrainConfig()) == said


def test_machine():
    assert sentences.describe_machine(ENVIRONMENT) == (
        "Processor 9000, 2 cores, 8 GiB; Linux; Python 3.12.1, torch 2.15.0, numpy 2.4.6; "
        "load average at the start 0.25"
    )


def test_description_of_the_job(dataset):
    config = TrainConfig(dataset="digits", threads=2, seed=4, hidden=(32, 16))
    text = sentences.describe_job(config, dataset, None)
    assert text == (
        "scikit-learn's embedded digits: 1,437 training and 50 test images. "
        "Network 784-32-16-10, Adam 0.001, batches of 64, 5 epochs, seed 4, float32, 2 threads."
    )
    assert sentences.describe_job(config, dataset, MISSING) == (
        "NOTICE: mnist is not in /data/mnist and --offline forbids downloading it: place a.gz, "
        "b.gz in /data/mnist by hand (found as well unzipped, as mnist.npz, in MNIST/raw, MNIST or "
        "directly in --data-dir), or run once without --offline. Using scikit-learn's digits "
        f"instead.\n{text}"
    )
    config = TrainConfig(dataset="digits", optimizer="sgd", learning_rate=0.1)
    assert ", SGD 0.1, " in sentences.describe_job(config, dataset, None)


def test_every_optimizer_has_a_title():
    assert set(sentences.OPTIMIZER_TITLES) == set(choices_of(TrainConfig)["optimizer"])


def test_a_busy_machine_is_a_warning(dataset):
    result = make_result(dataset, make_run("pytorch/eager"))
    assert not any("busy" in line for line in sentences.in_words(result))
    result.environment = replace(ENVIRONMENT, physical_cores=2, load_average=(1.5, 0, 0))
    assert any("WARNING: the machine was busy" in line for line in sentences.in_words(result))


def doubts_of(dataset: Dataset, *runs: RunResult, **others) -> list[str]:
    return sentences.doubts(make_result(dataset, *runs, **others))


def probes(*seconds: float) -> list[Probe]:
    return [Probe("numpy/reference", 0, repeat, each) for repeat, each in enumerate(seconds)]


def test_a_quiet_machine_raises_no_doubts(dataset):
    assert doubts_of(dataset, make_run("numpy/reference"), probes=probes(0.005, 0.0051)) == []


def test_work_of_others_is_a_warning_that_names_the_worst(dataset):
    runs = [make_run("numpy/reference", seed) for seed in range(3)]
    runs[0].foreign_cpus, runs[1].foreign_cpus, runs[2].foreign_cpus = 0.05, 1.25, 0.5
    (doubt,) = doubts_of(dataset, *runs)
    assert "during 2 of 3 runs, most during numpy/reference (seed 1): 1.2 cores" in doubt


def test_a_machine_that_changes_its_speed_is_a_warning(dataset):
    (doubt,) = doubts_of(dataset, make_run("numpy/reference"), probes=probes(0.005, 0.008, 0.006))
    assert doubt.startswith("WARNING: the machine's speed varied: ")
    # Between 5 and 6, and between 6 and 8: a fifth of the way from the ends.
    assert "took 5.2 to 7.6 ms before different runs (10th to 90th percentile)" in doubt


@pytest.mark.parametrize("seconds", [[], [0.005], [0.005] * 20 + [0.05], [0.005, 0.0057]])
def test_one_slow_probe_of_many_is_no_change_of_speed(seconds, dataset):
    assert doubts_of(dataset, make_run("numpy/reference"), probes=probes(*seconds)) == []


def test_other_processes_and_the_speed_they_cost_are_one_warning(dataset):
    run = replace(make_run("numpy/reference"), foreign_cpus=1.0)
    (doubt,) = doubts_of(dataset, run, probes=probes(0.005, 0.008))
    assert "1.0 cores on average; the machine's speed varied" in doubt
    assert "by itself" not in doubt


def test_more_threads_than_cores_and_a_battery_are_warnings(dataset):
    changed = replace(ENVIRONMENT, physical_cores=1, on_battery=True)
    run = make_run("numpy/reference")
    battery, shared_cores = doubts_of(dataset, run, environment=changed)
    assert "2 threads share 1 physical core," in shared_cores
    assert "battery" in battery


def test_a_busy_machine_and_what_it_was_busy_with_are_one_warning(dataset):
    busy = replace(ENVIRONMENT, load_average=(1.5, 1.0, 1.0), on_battery=True)
    run = replace(make_run("numpy/reference"), foreign_cpus=1.0)
    (doubt,) = doubts_of(dataset, run, environment=busy, probes=probes(0.005, 0.008))
    told = (
        "when the run began (load 1.5 on 2 cores)",
        "1.0 cores on average",
        "the machine's speed varied",
    )
    places = [doubt.index(words) for words in (*told, "battery")]
    assert places == sorted(places)
    pair = run, replace(run, run="numpy/reference#2")
    (doubt,) = doubts_of(dataset, *pair, environment=busy)
    assert "when the comparison began" in doubt
