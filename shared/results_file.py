"""`results.json`: the one writer and the one reader, which upgrades files of the first schema."""

import re
from pathlib import Path
from typing import Any

import msgspec

from shared.config import TrainConfig
from shared.errors import UsageError
from shared.inputs import LARGEST_JSON, decode_json, read_regular
from shared.outputs import RESULTS
from shared.results import ComparisonResult, Floor, Probe, RunResult, write_atomically
from shared.results_rules import require_rules
from shared.upgrade import FIRST_SCHEMA, upgrade
from shared.visible import spell_out, visible

PAGE = "report.html"

# Settings that every file names; one that is not there otherwise has its default, as in files from
# before there was such a setting.
NEEDED = ("dataset", "epochs", "batch_size", "learning_rate", "hidden", "seed", "alignment")

# Bytes of a file that is looked through once more for what is wrong in it.
SEARCHED = 2**22


class Header(msgspec.Struct):
    """What is known of a file before its schema is."""

    schema: Any = None
    config: Any = None


def save_results(result: ComparisonResult, path: Path) -> None:
    """Write `result` as JSON, with all text in it made visible, completely or not at all."""
    write_atomically(path, encode_json(spell_out(result)))


def load_results(path: Path) -> ComparisonResult:
    """Read a `results.json`, also one of the first schema.

    Raises:
        OSError: the file can't be read.
        ValueError: it is not one; the message names the file and the first field that is off, what
            was expected there and what was found.
    """
    content = read_regular(path, LARGEST_JSON)
    try:
        header = decode_json(content, Header)
        if header.schema == FIRST_SCHEMA:
            content = msgspec.json.encode(upgrade(decode_json(content)))
        # Not by way of dictionaries, which take much more memory.
        result = decode_json(content, ComparisonResult, to_path)
        if lacking := [f"$.config.{name}" for name in NEEDED if name not in header.config]:
            raise ValueError(f"it lacks {', '.join(lacking)}")
        require_rules(result)
    except UsageError as error:
        raise ValueError(f"{path} is not a comparison's results.json: $.config: {error}") from error
    except ValueError as error:
        found = _found(content, str(error)) if isinstance(error, msgspec.ValidationError) else ""
        raise ValueError(f"{path} is not a comparison's results.json: {error}{found}") from error
    return result


def _found(content: bytes, complaint: str) -> str:
    """What is there instead of what msgspec expected, which only says where; nothing if missing."""
    place = re.search(r"at `\$([^`]*)`$", complaint)
    if place is None or "missing" in complaint or len(content) > SEARCHED:
        return ""
    value = decode_json(content)
    try:
        for key, number in re.findall(r"\.(\w+)|\[(\d*|\.{3})\]", place[1]):
            value = value[key or int(number)]
    except (LookupError, TypeError, ValueError):
        return ""
    return f", found `{visible(msgspec.json.encode(value).decode(), 80)}`"


def is_unfinished(folder: Path) -> bool:
    """Whether the results in a folder lack runs, or what is drawn of them.

    What can't be read is no results of this program.
    """
    try:
        result = load_results(folder / RESULTS)
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    whole = all(run.status == "completed" for run in result.runs)
    return not (whole and (folder / PAGE).exists())


def whole_runs(
    folder: Path, config: TrainConfig
) -> tuple[list[RunResult], list[Probe], list[Floor]]:
    """What the same training left in a folder: the runs with all their files, and what was measured
    beside these: the probe before each, and the floors of their repeats.
    """
    try:
        result = load_results(folder / RESULTS)
    except (OSError, ValueError):
        return [], [], []
    # As JSON, because a comparison's own kind of configuration equals no other kind.
    asked = spell_out(config).as_json()
    if result.config.as_json() != asked | {"resume": result.config.resume}:
        return [], [], []
    runs = [
        run
        for run in result.runs
        if run.status == "completed"
        and all(file and (folder / file).exists() for file in (run.weights, run.predictions))
    ]
    keys = {(run.run, run.setting, run.repeat) for run in runs}
    places = {(run.setting, run.repeat) for run in runs}
    probes = [each for each in result.probes if (each.run, each.setting, each.repeat) in keys]
    floors = [each for each in result.floors if (each.setting, each.repeat) in places]
    return runs, probes, floors


def encode_json(content: object) -> bytes:
    """Facts as JSON, for people to read as well."""
    return msgspec.json.format(msgspec.json.encode(content, enc_hook=str), indent=2)


def to_path(kind: type, value: Any) -> Any:
    """Of the types of a configuration, the one that JSON has no form for."""
    if kind is not Path:
        raise NotImplementedError(kind)
    return Path(value)
