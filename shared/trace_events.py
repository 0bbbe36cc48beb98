"""Chrome's Trace Event Format, in which profilers write what they saw."""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import msgspec

from shared.results import write_atomically
from shared.trained import Operator, Span

TRACE = "trace.json"


def own_times(spans: Iterable[Span], names: dict[str, str]) -> list[Operator]:
    """Sum up the time of each name that is not within another span on the same thread.

    Args:
        names: what a span is called instead, by the pattern that its whole name matches, the first
            one counts; an empty name makes it a part of what it is within.
    """
    seconds: dict[str, float] = defaultdict(float)
    calls: dict[str, int] = defaultdict(int)
    stack: list[tuple[str, str, float]] = []
    for span in sorted(spans, key=lambda span: (span.thread, span.start, -span.seconds)):
        name = rename(span.name, names)
        if not name:
            continue
        while stack and (stack[-1][1] != span.thread or stack[-1][2] <= span.start):
            stack.pop()
        if stack:
            seconds[stack[-1][0]] -= span.seconds
        seconds[name] += span.seconds
        calls[name] += 1
        stack.append((name, span.thread, span.start + span.seconds))
    return [Operator(name, calls[name], seconds[name]) for name in seconds]


def rename(name: str, names: dict[str, str]) -> str:
    """The name after the first pattern that matches the whole of it."""
    for pattern, replacement in names.items():
        if match := re.fullmatch(pattern, name):
            return match.expand(replacement)
    return name


def write_chrome_trace(spans: Iterable[Span], path: Path) -> None:
    """Write the spans in Chrome's trace event format, complete events in microseconds."""
    threads: dict[str, int] = {}
    events: list[dict] = []
    for span in spans:
        number = threads.setdefault(span.thread, len(threads) + 1)
        timing = {"ts": 1e6 * span.start, "dur": 1e6 * span.seconds}
        events.append({"ph": "X", "pid": 1, "tid": number, "name": span.name, **timing})
    for thread, number in threads.items():
        named = {"name": "thread_name", "args": {"name": thread}}
        events.append({"ph": "M", "pid": 1, "tid": number, **named})
    write_atomically(path, msgspec.json.encode({"traceEvents": events}))
