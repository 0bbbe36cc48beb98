"""`results.json`: the one writer and the one reader, which upgrades files of the first schema."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from shared.config import TrainConfig
from shared.errors import UsageError
from shared.inputs import LARGEST_JSON, decode_json, read_regular
from shared.outputs import RESULTS
from shared.results import FIGURES, ComparisonResult, RunResult, write_atomically
from shared.upgrade import FIRST_SCHEMA, upgrade

PAGE = "report.html"

# Settings that every file names; one that is not there otherwise has its default, as in files from
# before there was such a setting.
NEEDED = ("dataset", "epochs", "batch_size", "learning_rate", "hidden", "seed", "alignment")


def save_results(result: ComparisonResult, path: Path) -> None:
    """Write `result` as JSON, completely or not at all."""
    write_atomically(path, encode_json(result))


def load_results(path: Path) -> ComparisonResult:
    """Read a `results.json`, also one of the first schema.

    Raises:
        ValueError: the file is not one; the message names the file and the first field that is off.
    """
    try:
        content = decode_json(read_regular(path, LARGEST_JSON))
        if isinstance(content, dict) and content.get("schema") == FIRST_SCHEMA:
            content = upgrade(content)
        result = msgspec.convert(content, ComparisonResult, dec_hook=_to_path)
        if lacking := [f"$.config.{name}" for name in NEEDED if name not in content["config"]]:
            raise ValueError(f"it lacks {', '.join(lacking)}")
        for place, run in enumerate(result.runs):
            _require_figures(run, place, len(result.plan.settings))
    except UsageError as error:
        raise ValueError(f"{path} is not a comparison's results.json: $.config: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path} is not a comparison's results.json: {error}") from error
    return result


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


def whole_runs(folder: Path, config: TrainConfig) -> list[RunResult]:
    """The runs that the same training left in a folder with all their files."""
    try:
        result = load_results(folder / RESULTS)
    except (OSError, ValueError):
        return []
    if replace(result.config, resume=True) != replace(config, resume=True):
        return []
    return [
        run
        for run in result.runs
        if run.status == "completed"
        and all(file and (folder / file).exists() for file in (run.weights, run.predictions))
    ]


def _require_figures(run: RunResult, place: int, settings: int) -> None:
    if not run.setting < settings:
        raise ValueError(f"expected one of the {settings} settings - at `$.runs[{place}].setting`")
    lacking = [name for name in FIGURES if run.status == "completed" and getattr(run, name) is None]
    if lacking:
        raise ValueError(f"a completed run lacks `{lacking[0]}` - at `$.runs[{place}]`")


def encode_json(content: object) -> bytes:
    """Facts as JSON, for people to read as well."""
    return msgspec.json.format(msgspec.json.encode(content, enc_hook=str), indent=2)


def _to_path(kind: type, value: Any) -> Any:
    """Of the types of a configuration, the one that JSON has no form for."""
    if kind is not Path:
        raise NotImplementedError(kind)
    return Path(value)
