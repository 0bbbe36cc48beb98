"""summary.md as a whole."""

from report import against, markdown
from tests.support.results import make_result, make_run, make_unfinished


def test_markdown(dataset):
    broken = make_unfinished("tensorflow/fit", "failed", "It broke.")
    broken.error_output = ["Traceback", "  ValueError: [bad]"]
    result = make_result(dataset, make_run("pytorch/eager"), broken)
    lines = markdown.markdown(result, {"time.png": "Where the time went"}).splitlines()
    assert lines[0] == "# pytorch/eager, tensorflow/fit on scikit-learn's embedded digits"
    assert f"`python compare.py --epochs 3` ({result.created})" in lines
    assert "| test accuracy | 93.00 % | - |" in lines
    # A blank line separates each table from the text around it.
    first, *_, everything = against.tables(result, everything=True)
    assert "| pytorch/eager | completed | 93.00 | 1.000 | 0.75 | 1,437 | 300 |" in lines
    for each in (first, everything):
        start = lines.index("| " + " | ".join(each.header) + " |")
        assert lines[start + 1] == "|---|" + "---:|" * (len(each.header) - 1)
        assert lines[start - 2] == f"{each.caption}:"
        block = lines[start : start + 2 + len(each.rows)]
        assert {row.count("|") for row in block} == {len(each.header) + 1}
        assert lines[start - 1] == lines[start + len(block)] == ""
    assert "![Where the time went](time.png)" in lines
    assert "tensorflow/fit (seed 0) failed: It broke." in lines
    quoted = lines.index("```")
    assert lines[quoted + 1 : quoted + 4] == [*broken.error_output, "```"]


def test_the_best_values_are_bold(dataset):
    result = make_result(dataset, make_run("pytorch/eager", speed=2), make_run("tensorflow/fit"))
    lines = markdown.markdown(result, {}).splitlines()
    assert "| tensorflow/fit | 93.00 | **1.000** | 0.50 | 0.75 | **1,437** | 300 |" in lines
