"""Text of unknown origin, so that it can be shown: in one line, of bounded length, as it is.

Names of files, and whatever a results.json, a child process or a server says, may hold control
characters that rewrite a terminal or turn around the direction of reading, bytes that are no text
in any encoding, or a million letters. Whatever is shown or stored of it went through here.
"""

import re
from dataclasses import is_dataclass, replace
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar

Shown = TypeVar("Shown")

# Letters that are shown of a text, and of a word in it.
LONGEST, LONGEST_WORD = 2000, 300


def visible(text: object, most: int = LONGEST) -> str:
    """The text with what can't be printed escaped, and the middle of what is too long left out."""
    words = re.sub(
        rf"\S{{{LONGEST_WORD + 1},}}", lambda word: _cut(word[0], LONGEST_WORD), str(text)
    )
    return escape(_cut(words, most))


def escape(text: str) -> str:
    """The text with a byte that is none as `\\xe9`, and a control character as `\\x1b`."""
    return text if text.isprintable() else "".join(map(_escape, text))


def _cut(text: str, most: int) -> str:
    half = (most - 3) // 2
    return text if len(text) <= most else f"{text[:half]}...{text[-half:]}"


def _escape(letter: str) -> str:
    if letter.isprintable():
        return letter
    if 0xDC80 <= ord(letter) <= 0xDCFF:
        # How Python keeps bytes of a name that are no text.
        return f"\\x{ord(letter) - 0xDC00:x}"
    return letter.encode("unicode_escape").decode()


def spell_out(facts: Shown) -> Shown:
    """The same dataclass, list or dictionary with every text and path in it made visible."""
    return _spell(facts)


def _spell(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Path):
        return Path(visible(value))
    if isinstance(value, list | tuple):
        return type(value)(map(_spell, value))
    if isinstance(value, dict):
        return {_spell(key): _spell(each) for key, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        # Numbers first, because there may be millions of epochs, which hold nothing else.
        words = {k: v for k, v in vars(value).items() if not isinstance(v, int | float | NoneType)}
        return replace(value, **{k: _spell(v) for k, v in words.items()}) if words else value
    return value
