"""`summary.md`: a comparison's tables and sentences."""

from collections.abc import Mapping, Sequence

from report.sentences import describe_machine, in_words
from report.table import table, tables
from report.verification import describe_verification
from shared.results import ComparisonResult


def markdown(result: ComparisonResult, pictures: Mapping[str, str]) -> str:
    """The content of `summary.md`.

    Args:
        pictures: file name of each picture and the text that stands for it.
    """
    header = table(result)[0]
    verified = []
    if result.verification:
        verdict, *findings = describe_verification(result.verification, result.config)
        # A failure is among the words already.
        verified = [verdict, ""] if result.verification.passed else []
        verified += [*(f"- {finding.strip()}" for finding in findings), ""]
    lines = [
        f"# {', '.join(header[1:])} on {header[0]}",
        "",
        f"`{result.command}` ({result.created})",
        "",
        *(f"{sentence}\n" for sentence in in_words(result)),
        *verified,
        *(line for each in tables(result) for line in _markdown_table(each)),
        describe_machine(result.environment),
        "",
        *(f"![{text}]({file})\n" for file, text in pictures.items()),
    ]
    for run in result.runs:
        if run.error_output:
            lines += [f"Last lines of {run.run} (seed {run.seed}):", "", "```"]
            lines += [*run.error_output, "```", ""]
    return "\n".join(lines)


def _markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    header, *others = ("| " + " | ".join(row) + " |" for row in rows)
    return [header, "|---|" + "---:|" * (len(rows[0]) - 1), *others, ""]
