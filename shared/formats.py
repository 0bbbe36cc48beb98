"""How numbers are written, wherever people read them: each kind of number has one form.

`digits` are those behind the decimal point: as many as the measurement supports.
"""


def percent(share: float, digits: int | None = 2) -> str:
    """`93.00 %`, of 0.93; with None, as on an axis, the shortest of four digits: `93 %`."""
    form = ".4g" if digits is None else f".{digits}f"
    return f"{100 * share:{form}} %"


def percentage(share: float) -> str:
    """`93.00`, of 0.93, where the unit stands above."""
    return f"{100 * share:.2f}"


def probability(share: float) -> str:
    """`99.9 %`; a network's 99.97 % is not certainty, and is shown as `> 99.9 %`."""
    if percent(share, 1) == percent(1, 1):
        return f"> {percent(0.999, 1)}"
    if percent(share, 1) == percent(0, 1):
        return f"< {percent(0.001, 1)}"
    return percent(share, 1)


def points(difference: float, digits: int = 2) -> str:
    """`+0.12`, the percentage points of a difference of 0.0012; what rounds to zero is `+0.00`."""
    return f"{100 * difference:+z.{digits}f}"


def loss(value: float) -> str:
    """`0.3667`."""
    return f"{value:.4f}"


def loss_change(difference: float) -> str:
    """`+0.0012`; what rounds to zero is `+0.0000`."""
    return f"{difference:+z.4f}"


def ratio(value: float, digits: int = 2) -> str:
    """`1.23`; where so few repeats say so little that it is out of proportion, `2e+05`."""
    return f"{value:.{digits}f}" if 0.01 <= value < 1000 else f"{value:.0e}"


def seconds(value: float, digits: int) -> str:
    """`1.500 s`."""
    return f"{value:.{digits}f} s"


def milliseconds(value: float, digits: int) -> str:
    """`1.50 ms`, of 0.0015 seconds."""
    return f"{1000 * value:.{digits}f} ms"


def time(value: float) -> str:
    """Seconds with three digits, of which three at most behind the point: `0.193 s`, `123 s`."""
    if value >= 999.5:
        return f"{count(value)} s"
    digits = next((k for k in (3, 2, 1) if value < 10 ** (3 - k) * (1 - 0.5 * 10**-3)), 0)
    return seconds(value, digits)


def duration(value: float) -> str:
    """How long to wait, roughly, in two digits or three: `7 s`, `12 min` or `3 h`."""
    if round(value) < 100:
        return f"{value:.0f} s"
    minutes = round(value / 60)
    return f"{minutes} min" if minutes < 100 else f"{count(value / 3600)} h"


def count(value: float) -> str:
    """`12,346`, of a number of things or of as good as whole ones."""
    return f"{value:,.0f}"


def several(number: int, thing: str) -> str:
    """`1 epoch`, `5 epochs`."""
    return f"{count(number)} {thing}{'' if number == 1 else 's'}"


def thousands(value: float) -> str:
    """`12.35 k`, as on an axis; below a thousand with three digits."""
    return f"{value / 1000:,.4g} k" if value >= 1000 else number(value)


def number(value: float, digits: int = 3) -> str:
    """Of no fixed size: `0.0123`, `1.2e-05`; `digits` are all that are shown."""
    return f"{value:.{digits}g}"


def decimal(value: float, digits: int) -> str:
    """`0.25`."""
    return f"{value:.{digits}f}"


def error(value: float, digits: int = 0) -> str:
    """How far off something is, of which the size matters: `4e-16`."""
    return f"{value:.{digits}e}"


def mebibytes(value: float) -> str:
    """`300 MiB`, of bytes."""
    return f"{whole_mebibytes(value)} MiB"


def whole_mebibytes(value: float) -> str:
    """`300`, of bytes, where the unit stands above."""
    return count(value / 2**20)


def gibibytes(value: float) -> str:
    """`8 GiB`, of bytes."""
    return f"{value / 2**30:.0f} GiB"


def joules(value: float) -> str:
    """`123 J`."""
    return f"{count(value)} J"


def text(value: object) -> str:
    """A setting or a fact as people write it."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {text(each)}" for key, each in value.items() if each is not None)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(text, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value, 4)
    return "none" if value is None else str(value)
