"""The words of the verdicts: what is claimed, from how many repeats on, and that tables hold it."""

import random
import re
from dataclasses import replace

import pytest

from report import against, sentences, verdicts
from report.pairs import compare_pair, judge
from shared.pairs import MeanInterval, Pair
from tests.support.results import make_result, make_run

# Words that claim; below five repeats there must be none of them.
CLAIMS = re.compile(
    r"\b(takes|is (the same|different|faster|slower|higher|lower|ahead|never)|differs|equals?|"
    r"same within|never)\b"
)


def pair_of(ratios: list[float], points: list[float]) -> Pair:
    """`other` against `base`, with a verdict."""
    partners = []
    for seed, (ratio, point) in enumerate(zip(ratios, points, strict=True)):
        base, other = make_run("base", seed), make_run("other", seed)
        base.epoch_seconds, other.epoch_seconds = 2.0, 2.0 * ratio
        base.test_accuracy, other.test_accuracy = 0.5, 0.5 + point / 100
        partners.append((base, other))
    (pair,) = judge([compare_pair("other", 0, partners, None)])
    return pair


def words(ratios: list[float], points: list[float]) -> str:
    return verdicts.describe_pair(pair_of(ratios, points), "base", 10_000)


def test_observed_once():
    assert words([2.5], [-2.0]) == (
        "other took 2.50 times as long per epoch as base. Its test accuracy was 2.00 points lower."
    )
    assert words([1.0], [0.0]).endswith(" Its test accuracy was the same.")


def test_observed_twice_both_ratios_are_told():
    assert words([1.32, 1.41], [0.1, -0.05]) == (
        "other took 1.32 and 1.41 times as long per epoch as base. "
        "Its test accuracy differed by +0.10 and -0.05 points."
    )


def test_three_repeats_have_an_interval():
    assert words([1.30, 1.31, 1.32], [0.5, 0.6, 0.7]) == (
        "other took 1.31 times (95 % interval 1.29 to 1.34) as long per epoch as base. "
        "Its test accuracy differed by +0.60 points (95 % interval +0.35 to +0.85)."
    )


def test_different():
    assert words([1.28, 1.34, 1.30, 1.36, 1.32], [0.5, 0.6, 0.5, 0.4, 0.5]) == (
        "other takes 1.32 times as long per epoch as base "
        "(95 % interval 1.28 to 1.36, 5 paired repeats). "
        "Its test accuracy is 0.50 points higher "
        "(95 % interval +0.41 to +0.59, 5 paired seeds, these 10,000 test images)."
    )
    assert "Its test accuracy is 0.50 points lower (" in words(
        [1.0] * 5, [-0.5, -0.6, -0.4] + [-0.5] * 2
    )


def test_the_same():
    assert words([1.00, 1.02, 0.98, 1.00, 1.01], [0.1, -0.1, 0.0, 0.1, -0.1]) == (
        "other takes the same time per epoch as base within 2 % "
        "(95 %, 5 paired repeats; ratio 1.00, 95 % interval 0.98 to 1.02). "
        "Its test accuracy is the same within 0.10 points "
        "(95 %, 5 paired seeds, these 10,000 test images; this many can detect a "
        "difference of 0.16 points)."
    )
    assert words([1.0, 1.001, 0.999, 1.0, 1.001], [0.0] * 5) == (
        "other takes the same time per epoch as base within 0.1 % "
        "(95 %, 5 paired repeats; ratio 1.0002, 95 % interval 0.9992 to 1.0012). "
        "Its test accuracy is the same in every repeat "
        "(5 paired seeds, these 10,000 test images)."
    )


def test_undecided():
    assert words([0.8, 1.2, 1.0, 1.1, 0.95], [0.5, -0.5, 0.3, -0.2, 0.1]) == (
        "Whether other or base takes longer per epoch is undecided: ratio 1.00 "
        "(95 % interval 0.83 to 1.21, 5 paired repeats; detecting a difference of 5 % "
        "would take about 81 repeats). "
        "Whether its test accuracy differs is undecided: +0.04 points "
        "(95 % interval -0.45 to +0.53, 5 paired seeds, these 10,000 test images; "
        "detecting a difference of 0.30 points would take about 16 seeds)."
    )


def test_new_images_have_an_interval_of_their_own():
    pair = replace(pair_of([1.0] * 5, [0.0] * 5), new_images=MeanInterval(0.0, -0.001, 0.002))
    told = verdicts.describe_pair(pair, "base", 10_000)
    assert told.endswith(" For new images of this kind the interval is -0.10 to +0.20.")
    few = replace(pair_of([1.0] * 3, [0.0] * 3), new_images=pair.new_images)
    assert "new images" not in verdicts.describe_pair(few, "base", 10_000)


def some_runs(names: tuple[str, ...], repeats: int, seed: int = 0, noise: float = 0.03) -> list:
    """Runs with noise in all that is measured, the compiled ones quick but slow to start."""
    chance = random.Random(seed)
    runs = []
    for repeat in range(repeats):
        for place, name in enumerate(names):
            run = make_run(name, repeat, epochs=4)
            speed = (0.3 if "compiled" in name else 1.0) * (1 + place / 10)
            run.epochs = [
                replace(each, train_seconds=speed * chance.lognormvariate(0, noise))
                for each in run.epochs
            ]
            run.set_speed(1437, (0.0, 0))
            run.test_accuracy = round(0.97 + chance.gauss(0, 0.001), 4)
            run.time_to_target_seconds = 3 * speed if chance.random() < 0.7 else None
            run.phases["first_step"] = 3.0 + chance.random() if "compiled" in name else 0.1
            run.phases["train"] = sum(each.train_seconds for each in run.epochs)
            runs.append(run)
    return runs


TWO = ("pytorch/eager", "tensorflow/fit")
MANY = ("pytorch/eager", "pytorch/compiled", "tensorflow/fit", "tensorflow/compiled")


@pytest.mark.parametrize("names", [TWO, MANY], ids=["two runs", "many runs"])
@pytest.mark.parametrize("repeats", [1, 2, 3, 4])
def test_nothing_is_claimed_below_five_repeats(names, repeats, dataset):
    result = make_result(dataset, *some_runs(names, repeats))
    said = " ".join([*sentences.in_words(result), *verdicts.each_pair(result)])
    said += f" {verdicts.claim(result)}"
    assert not CLAIMS.search(said), CLAIMS.search(said)
    assert said.count(verdicts.HEDGES[repeats]) == 1, "hedged once"
    shown = str([table.rows for table in against.tables(result, everything=True)])
    assert not any(word in shown for word in ("different", "undecided", "'same'"))


def test_the_search_for_claims_finds_some(dataset):
    result = make_result(dataset, *some_runs(MANY, 5))
    said = " ".join(sentences.in_words(result))
    assert CLAIMS.search(said)
    assert not any(hedge in said for hedge in verdicts.HEDGES.values())


NUMBER = re.compile(r"(?<![\w.])[+-]?\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?")
# Numbers of the rule, not of the measurement.
RULES = re.compile(
    r"95 % (interval|each)|with 95 %|\(95 %|difference of 5 %|difference of 0\.30 points|97 %"
)
COUNTS = re.compile(
    r"\d+ paired (repeats|seeds)|these [\d,]+ test images|correction for \d+ comparisons|"
    r"--repeats 8|take about [\d,]+ (repeats|seeds)|in \d+ of \d+ repeats"
)


@pytest.mark.parametrize("names", [TWO, MANY], ids=["two runs", "many runs"])
@pytest.mark.parametrize("repeats", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("noise", [0.003, 0.2])
def test_every_number_of_a_sentence_stands_in_a_table(names, repeats, noise, dataset):
    result = make_result(dataset, *some_runs(names, repeats, noise=noise))
    said = [*sentences.in_words(result), *verdicts.each_pair(result)]
    cells = " ".join(cell for table in against.tables(result) for row in table.rows for cell in row)
    known = {number.lstrip("+-") for number in NUMBER.findall(cells)}
    for sentence in said:
        left = COUNTS.sub("", RULES.sub("", sentence))
        for number in NUMBER.findall(left):
            assert number.lstrip("+-") in known, (number, sentence)


def test_holm_is_named_where_there_are_several(dataset):
    several = verdicts.verdicts(make_result(dataset, *some_runs(MANY, 5)))
    assert any("Holm's correction for 3 comparisons" in each for each in several)
    one = verdicts.verdicts(make_result(dataset, *some_runs(TWO, 5)))
    assert "Holm" not in str(one)


def test_a_run_against_itself_is_the_same_in_accuracy(dataset):
    chance = random.Random(3)
    runs = []
    for seed in range(5):
        for name in ("pytorch/eager", "pytorch/eager#2"):
            run = make_run(name, seed)
            run.epoch_seconds = chance.lognormvariate(0, 0.05)
            run.test_accuracy = 0.9 + seed / 1000
            runs.append(run)
    (told,) = verdicts.verdicts(make_result(dataset, *runs))
    assert "undecided" in told
    assert "the same in every repeat" in told


def test_the_note_reconciles_ratios_with_means(dataset):
    runs = []
    for seed, (base, other) in enumerate([(1.0, 2.0), (3.0, 3.0), (1.0, 2.0)]):
        for name, seconds in zip(TWO, (base, other), strict=True):
            run = make_run(name, seed)
            run.epoch_seconds = seconds
            runs.append(run)
    time, *_ = against.pair_tables(make_result(dataset, *runs))
    # The geometric mean is 4 ** (1 / 3); the means are 7 / 3 and 5 / 3.
    assert time.rows[0][1] == "1.59"
    assert time.note.endswith(
        " Dividing the means of the first table gives 1.40 for tensorflow/fit."
    )


@pytest.mark.parametrize("repeats", [1, 5])
def test_where_two_curves_cross(repeats, dataset):
    sizes, runs = (16, 64, 256), []
    for setting, (size, ratio) in enumerate(zip(sizes, (1.5, 1.01, 0.6), strict=True)):
        for seed in range(repeats):
            for name, seconds in (("pytorch/eager", 1.0), ("tensorflow/fit", ratio)):
                run = make_run(name, seed)
                run.batch_size, run.setting = size, setting
                run.epoch_seconds = seconds * (1 + 0.03 * ((seed + len(name)) % 3 - 1))
                runs.append(run)
    result = make_result(dataset, *runs, settings=[{"batch_size": size} for size in sizes])
    (told,) = verdicts.crossings(result)
    # With repeats, the size where nothing is decided says nothing.
    between = "64 and 256" if repeats == 1 else "16 and 256"
    assert told.endswith(f"they cross between {between}.")
    assert told.startswith(
        f"tensorflow/fit {'took' if repeats == 1 else 'takes'} longer per epoch "
    )


def test_curves_that_do_not_cross(dataset):
    runs = []
    for setting, size in enumerate((16, 64)):
        for name, seconds in (("pytorch/eager", 1.0), ("tensorflow/fit", 2.0)):
            run = make_run(name)
            run.batch_size, run.setting, run.epoch_seconds = size, setting, seconds
            runs.append(run)
    settings = [{"batch_size": 16}, {"batch_size": 64}]
    assert verdicts.crossings(make_result(dataset, *runs, settings=settings)) == []


CLAIMED = {
    "once": (1, "tensorflow/fit took "),
    "eight times": (8, "tensorflow/fit takes "),
}


@pytest.mark.parametrize(("repeats", "words"), CLAIMED.values(), ids=CLAIMED)
def test_the_claim_is_the_headline_without_its_uncertainty(repeats, words, dataset):
    two = make_result(dataset, *some_runs(TWO, repeats, noise=0.003))
    assert verdicts.claim(two).startswith(words)
    assert "95 %" not in verdicts.claim(two)
    many = verdicts.claim(make_result(dataset, *some_runs(MANY, repeats, noise=0.003)))
    assert many.startswith("tensorflow/compiled t")
    assert "as pytorch/compiled, comparing the fastest run of each framework." in many
    unclear = make_result(dataset, *some_runs(TWO, 8, noise=0.3))
    assert verdicts.claim(unclear).startswith("Whether tensorflow/fit or pytorch/eager takes ")


def test_an_accuracy_that_differs_by_a_rounding_of_float32_is_the_same():
    for least, words in ((1.7e-8, "was the same"), (1e-4, "was 0.01 points higher")):
        assert verdicts._observed_difference(MeanInterval(least, values=[least])) == words
