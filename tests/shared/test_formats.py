"""How numbers are written."""

import pytest

from shared import formats

CASES = [
    (formats.percent, (0.93,), "93.00 %"),
    (formats.percent, (1.0, 0), "100 %"),
    (formats.percent, (0.925, None), "92.5 %"),
    (formats.percent, (0.9, None), "90 %"),
    (formats.probability, (0.9994,), "99.9 %"),
    (formats.probability, (0.9996,), "> 99.9 %"),
    (formats.probability, (0.0004,), "< 0.1 %"),
    (formats.points, (0.00123,), "+0.12"),
    (formats.points, (-0.00001,), "+0.00"),
    (formats.points, (-0.00123, 3), "-0.123"),
    (formats.loss, (0.36666,), "0.3667"),
    (formats.loss_change, (-0.00001,), "+0.0000"),
    (formats.ratio, (1.2345,), "1.23"),
    (formats.ratio, (212345.0,), "2e+05"),
    (formats.seconds, (1.5, 3), "1.500 s"),
    (formats.milliseconds, (0.0015, 2), "1.50 ms"),
    (formats.time, (0.0000123,), "0.000 s"),
    (formats.time, (0.01,), "0.010 s"),
    (formats.time, (0.1934,), "0.193 s"),
    (formats.time, (0.9999,), "1.00 s"),
    (formats.time, (2.2,), "2.20 s"),
    (formats.time, (9.999,), "10.0 s"),
    (formats.time, (99.99,), "100 s"),
    (formats.time, (123.4,), "123 s"),
    (formats.time, (12345.6,), "12,346 s"),
    (formats.time, (0.0,), "0.000 s"),
    (formats.several, (1, "epoch"), "1 epoch"),
    (formats.several, (1500, "epoch"), "1,500 epochs"),
    (formats.duration, (0,), "0 s"),
    (formats.duration, (7.4,), "7 s"),
    (formats.duration, (99.4,), "99 s"),
    (formats.duration, (99.6,), "2 min"),
    (formats.duration, (754,), "13 min"),
    (formats.duration, (5969,), "99 min"),
    (formats.duration, (5971,), "2 h"),
    (formats.duration, (360000,), "100 h"),
    (formats.count, (12345.6,), "12,346"),
    (formats.thousands, (12345.0,), "12.35 k"),
    (formats.thousands, (12.345,), "12.3"),
    (formats.number, (0.012345,), "0.0123"),
    (formats.error, (4.2e-16,), "4e-16"),
    (formats.mebibytes, (1300 * 2**20,), "1,300 MiB"),
    (formats.gibibytes, (8 * 2**30,), "8 GiB"),
    (formats.joules, (1234.5,), "1,234 J"),
    (formats.text, ({"a": True, "b": None, "c": [64, 0.001]},), "a yes, c 64, 0.001"),
    (formats.text, ((),), "none"),
    (formats.text, (None,), "none"),
]


@pytest.mark.parametrize(
    ("form", "arguments", "text"), CASES, ids=[f"{form.__name__} {text}" for form, _, text in CASES]
)
def test_each_kind_of_number_has_one_form(form, arguments, text):
    assert form(*arguments) == text
