"""`summary.md`: a comparison's tables and sentences."""

from collections.abc import Mapping

from report.against import tables
from report.figures import dataset_title
from report.sentences import describe_machine, in_words
from report.table import Table
from report.verification import describe_verification
from shared.results import ComparisonResult, group_by_run


def markdown(result: ComparisonResult, pictures: Mapping[str, str]) -> str:
    """The content of `summary.md`.

    Args:
        pictures: file name of each picture and the text that stands for it.
    """
    runs = ", ".join(group_by_run(result.runs))
    verified = []
    if result.verification:
        verdict, *findings = describe_verification(result.verification, result.config)
        # A failure is among the words already.
        verified = [verdict, ""] if result.verification.passed else []
        verified += [*(f"- {finding.strip()}" for finding in findings), ""]
    lines = [
        f"# {runs} on {dataset_title(result)}",
        "",
        f"`{result.command}` ({result.created})",
        "",
        *(f"{sentence}\n" for sentence in in_words(result)),
        *verified,
        *(line for each in tables(result, everything=True) for line in _markdown_table(each)),
        describe_machine(result.environment),
        "",
        *(f"![{text}]({file})\n" for file, text in pictures.items()),
    ]
    for run in result.runs:
        if run.error_output:
            lines += [f"Last lines of {run.run} (seed {run.seed}):", "", "```"]
            lines += [*run.error_output, "```", ""]
    return "\n".join(lines)


def _markdown_table(table: Table) -> list[str]:
    cells = [
        [f"**{cell}**" if (row, column) in table.best else cell for column, cell in enumerate(each)]
        for row, each in enumerate(table.rows)
    ]
    header, *others = ("| " + " | ".join(row) + " |" for row in (table.header, *cells))
    line = "|---|" + "---:|" * (len(table.header) - 1)
    note = [table.note, ""] if table.note else []
    return [f"{table.caption}:", "", header, line, *others, "", *note]
