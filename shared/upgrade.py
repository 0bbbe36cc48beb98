"""Results of the first schema, made into those of the second.

What the first schema stored as a sentence is kept as `told`, where its facts are not known apart;
verdicts are left out, because their numbers stand beside them.
"""

from typing import Any

FIRST_SCHEMA, SECOND_SCHEMA = "framework-comparison/1", "framework-comparison/2"

Content = dict[str, Any]

# Where these were booked before they were phases.
NEW_PHASES = {"start": 0.0, "inference": 0.0, "save": 0.0}


def upgrade(content: Content) -> Content:
    """The content of a `results.json` of the first schema in the form of the second.

    Raises:
        ValueError: it is not what the first schema asks for.
    """
    try:
        return _upgrade(content)
    except KeyError as error:
        raise ValueError(f"Object missing required field `{error.args[0]}`") from error
    except (TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"it is not of the schema {FIRST_SCHEMA} ({error})") from error


def _upgrade(content: Content) -> Content:
    sizes = list(dict.fromkeys(run["batch_size"] for run in content["runs"]))
    first = content["config"]["batch_size"]
    # The first setting is that of the configuration.
    sizes.sort(key=lambda size: size != first)
    repeats: dict[tuple[str, int], int] = {}
    runs = [_upgrade_run(run, sizes, repeats) for run in content["runs"]]
    names = list(dict.fromkeys(run["run"] for run in runs))
    return {
        **content,
        "schema": SECOND_SCHEMA,
        "plan": {
            "settings": [{"batch_size": size} for size in sizes] if len(sizes) > 1 else [{}],
            "runs": names,
            "repeats": max(repeats.values(), default=1),
        },
        "dataset": _upgrade_dataset(content["dataset"]),
        "runs": runs,
        "comparison": _upgrade_comparison(content["comparison"], sizes),
        "verification": _upgrade_verification(content.get("verification")),
        "floors": [
            {**floor, "setting": sizes.index(floor["batch_size"])}
            for floor in content.get("floor", [])
        ],
        # They were taken before each run, in the order of the runs.
        "probes": [
            {"run": run["run"], "setting": run["setting"], "repeat": run["repeat"], "seconds": each}
            for run, each in zip(runs, content.get("probes", []), strict=False)
        ],
    }


def _upgrade_run(run: Content, sizes: list[int], repeats: dict[tuple[str, int], int]) -> Content:
    """Args:
    repeats: how often each run was met in each setting; counted on.
    """
    setting = sizes.index(run["batch_size"])
    repeat = repeats.get((run["run"], setting), 0)
    repeats[run["run"], setting] = repeat + 1
    phases = run.get("phases") and {**NEW_PHASES, **run["phases"]}
    told = [{"kind": "told", "told": notice} for notice in run.get("notices", [])]
    return {
        **run,
        "setting": setting,
        "repeat": repeat,
        "phases": phases or {},
        "checkpoints": told,
    }


def _upgrade_dataset(dataset: Content) -> Content:
    if not dataset.get("notice"):
        return dataset
    missing = {"dataset": "mnist", "folder": "", "files": [], "told": dataset["notice"]}
    return {**dataset, "missing": missing}


def _upgrade_comparison(comparison: Content, sizes: list[int]) -> Content:
    pairs = [{**pair, "setting": sizes.index(pair["batch_size"])} for pair in comparison["pairs"]]
    return {**comparison, "pairs": pairs}


def _upgrade_verification(verification: Content | None) -> Content | None:
    if verification is None:
        return None
    runs = [_upgrade_verified(run, verification["steps"]) for run in verification["runs"]]
    return {**verification, "runs": runs}


def _upgrade_verified(run: Content, steps: int) -> Content:
    """One run's verification; how far one that failed had come is not known."""
    if run.get("passed", True):
        figures = run.get("figures", {})
        return {"run": run["run"], "steps": dict.fromkeys(figures, steps), "figures": figures}
    kind = "told" if run.get("available", True) else "unavailable"
    message = run.get("message", "")
    if kind == "unavailable":
        message = message.removeprefix("is unavailable: ")
    return {
        "run": run["run"],
        "failure": {"kind": kind, "message": message},
        "figures": run.get("figures", {}),
    }
