"""Kinds of names and numbers that facts are made of: what each may be, checked when it is read.

The limits are far beyond what anything measured comes to, and near enough that sums, ratios and
powers of what is within them stay finite.
"""

from typing import Annotated

from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=200)]

Count = Annotated[int, Meta(ge=0, le=2**53)]

Size = Annotated[int, Meta(ge=1, le=2**53)]

Seed = Annotated[int, Meta(ge=0, lt=2**32)]

Seconds = Annotated[float, Meta(ge=0, le=1e12)]

# Of what is divided by.
Positive = Annotated[float, Meta(ge=1e-12, le=1e15)]

Share = Annotated[float, Meta(ge=0, le=1)]

Finite = Annotated[float, Meta(ge=-1e300, le=1e300)]

NotNegative = Annotated[float, Meta(ge=0, le=1e300)]

# What a setting is in JSON.
Setting = None | bool | int | float | str | list[int]
