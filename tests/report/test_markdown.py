"""summary.md as a whole."""

from report import markdown, table
from tests.support.results import make_result, make_run, make_unfinished


def test_markdown(dataset):
    broken = make_unfinished("tensorflow/fit", "failed", "It broke.")
    broken.error_output = ["Traceback", "  ValueError: [bad]"]
    result = make_result(dataset, make_run("pytorch/eager"), broken)
    lines = markdown.markdown(result, {"time.png": "Where the time went"}).splitlines()
    assert lines[0] == "# pytorch/eager, tensorflow/fit on scikit-learn's embedded digits"
    assert f"`python compare.py --epochs 3` ({result.created})" in lines
    rows = [line for line in lines if line.startswith("|")]
    assert rows[1] == "|---|---:|---:|"
    assert "| test accuracy | 93.00 % | - |" in rows
    assert len(rows) == len(table.table(result)) + 1
    assert {row.count("|") for row in rows} == {4}
    # A blank line is what separates a table from the text around it.
    start = lines.index(rows[0])
    assert lines[start - 1] == lines[start + len(rows)] == ""
    assert "![Where the time went](time.png)" in lines
    assert "tensorflow/fit (seed 0) failed: It broke." in lines
    quoted = lines.index("```")
    assert lines[quoted + 1 : quoted + 4] == [*broken.error_output, "```"]
