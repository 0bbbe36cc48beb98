"""The page that shows the twins side by side says all, and only what the code says."""

import io
import re
import tomllib
from itertools import chain

import pytest
from rich.console import Console

from shared.errors import UsageError
from study import __main__ as study_main
from study import twins
from study.page import colour, markdown, render_page
from study.pairing import SIGNS, Names, align, kinds_of, likeness
from study.twins import (
    SIDES,
    TWINS,
    definitions,
    merge,
    more_of_docstrings,
    read_chapters,
    read_ledger,
    text_at,
)
from tests.support.commands import ROOT, run_warm

COMMAND = ("-m", "study")


@pytest.fixture(scope="module")
def chapters():
    return read_chapters()


@pytest.fixture(scope="module")
def page(chapters):
    return render_page(chapters)


def test_every_line_of_the_code_is_shown_once_and_in_order(chapters):
    shown = {}
    for chapter in chapters:
        for side, lines in chapter.lines.items():
            rows = [row for step in chapter.steps for row in step.rows]
            indices = [row[side] for row in rows if row.get(side) is not None]
            assert len(set(indices)) == len(indices)
            assert {k for k, line in enumerate(lines) if line.strip()} <= set(indices)
            for step in chapter.steps:
                own = [row[side] for row in step.rows if row.get(side) is not None]
                assert own == sorted(own)
            shown[f"{side}_impl/{chapter.file}"] = chapter
    paths = [path for side in SIDES for path in (ROOT / f"{side}_impl").rglob("*.py")]
    assert set(shown) == {
        path.relative_to(ROOT).as_posix() for path in paths if path.name != "__init__.py"
    }


def test_techniques_are_a_part_of_their_own(chapters):
    parts = {chapter.file: chapter.part for chapter in chapters}
    assert [part for part in parts.values() if part] == PARTS
    files = list(parts)
    begin, end = (next(k for k in range(len(files)) if parts[files[k]] == p) for p in PARTS[3:])
    assert all(file.startswith("techniques/") == (begin <= k < end) for k, file in enumerate(files))


PARTS = ["The whole program", "One step of learning", "Step by step", "Techniques", "The rest"]


def test_the_files_come_in_the_order_of_the_readme(chapters):
    """After the whole program the heart of it, the training step."""
    table = re.findall(r"^\| `(\w+\.py)` \| \d", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert table.index("fit.py") == table.index("compiled.py") + 1
    order = ["minimal.py", "train.py", *(name for name in table[1:] if name != "train.py")]
    assert [chapter.file for chapter in chapters][: len(order)] == order


def test_the_whole_program_is_read_first_section_by_section(chapters):
    first = chapters[0]
    assert first.file == "minimal.py"
    assert [step.name for step in first.steps] == [
        "imports",
        "data",
        "model",
        "learning",
        "testing",
    ]
    for step in first.steps:
        begins = [text_at(step.rows[0], side, first.lines) for side in TWINS]
        assert begins[0] == begins[1]


def test_counterparts_are_names_of_the_code(chapters):
    """No name that a side's code no longer has."""
    code = {
        side: "\n".join("\n".join(chapter.lines.get(side, ())) for chapter in chapters)
        for side in SIDES
    }
    notes = twins.read_notes()
    stale = [
        f"{name} in {side}"
        for group in notes["counterparts"] + notes["own_names"]
        for side, name in zip(SIDES, group, strict=False)
        if not re.search(rf"(?<![\w.]){re.escape(name)}\b", code[side])
    ]
    assert not stale


def test_every_tensorflow_name_is_explained_somewhere(chapters):
    """Each dotted name of TensorFlow stands in a line with a note, or has a counterpart."""
    names = re.compile(
        r"\b(?:tf|keras|layers|ops|optimizers|schedules)\.\w+(?:\.\w+)*",
    )
    known = {group[1] for group in twins.read_notes()["counterparts"]} | {
        "tf.data",
        "tf.__version__",
    }
    used, explained = set(), set(known)
    for chapter in chapters:
        for step in chapter.steps:
            for place, row in enumerate(step.rows):
                found = set(names.findall(text_at(row, "tensorflow", chapter.lines)))
                used |= found
                if step.notes_at(place, "tensorflow"):
                    explained |= found
    assert len(used) > 30
    assert used <= explained, f"no note on: {', '.join(sorted(used - explained))}"


def test_every_mark_opens_its_row(page, chapters):
    marks = re.compile(r"# DIFF-(\d+)")
    in_code = [
        number
        for chapter in chapters
        for lines in chapter.lines.values()
        for number in marks.findall("\n".join(lines))
    ]
    links = re.findall(r'<a class=diff href="#diff-(\d+)">DIFF-\1</a>', page)
    legend = ["1"]
    assert sorted(links) == sorted(in_code + legend)
    assert all(f'<article class="row" id="diff-{number}">' in page for number in links)


def test_links_lead_to_places_of_the_page(page):
    places = re.findall(r'\bid="([^"]+)"', page)
    assert len(set(places)) == len(places)
    targets = re.findall(r'\bhref="([^"]+)"', page)
    assert {target.removeprefix("#") for target in targets} <= set(places)
    assert not re.search(r"\b(?:src|action)=|url\(|@import", page)
    assert len(page.encode()) < 1_000_000


def test_ledger_has_five_cells_a_row():
    ledger = read_ledger()
    assert len(ledger) == len(re.findall(r"^## DIFF-", twins.LEDGER.read_text(), re.MULTILINE))
    for title, cells in ledger.values():
        assert title
        assert tuple(cells) == ("PyTorch", "Keras", "Here", "How much", "Pinned by")


CHANGED_NOTES = {
    "no sentence for a definition": (
        '["train.py".train_step]',
        '["train.py".train_stop]',
        "nothing is said about the definitions in train.py: train_step;",
    ),
    "no chapter for a file": (
        '["data.py"',
        '["date.py"',
        "nothing is said about the files: data.py;",
    ),
    "no chapter for a technique": (
        '["techniques/loss.py"',
        '["technique/loss.py"',
        "nothing is said about the files: techniques/loss.py;",
    ),
    "a side misspelt": (
        "tensorflow.'optimizer.apply('",
        "tensorfolw.'optimizer.apply('",
        "there are no such keys for train_step in train.py: tensorfolw;",
    ),
    "nothing on the side that has nothing": (
        'instead = "What `nn.BatchNorm1d` does."',
        "",
        "nothing is said about the keys for AlignedBatchNormalization in aligned.py: instead;",
    ),
    "something on a side that has nothing missing": (
        '["train.py".train_step]\n',
        '["train.py".train_step]\ninstead = "Nothing."\n',
        "there are no such keys for train_step in train.py: instead;",
    ),
    "a note that fits no line": ("'optimizer.apply('", "'optimizer.apply_('", "is in 0"),
    "a note that fits two lines": ("'optimizer.apply('", "'model'", "is in 4"),
}


@pytest.mark.parametrize(
    ("old", "new", "complaint"), CHANGED_NOTES.values(), ids=list(CHANGED_NOTES)
)
def test_notes_that_do_not_fit_the_code_are_refused(old, new, complaint, tmp_path, monkeypatch):
    notes = twins.NOTES.read_text()
    assert old in notes
    (tmp_path / "notes.toml").write_text(notes.replace(old, new))
    monkeypatch.setattr(twins, "NOTES", tmp_path / "notes.toml")
    with pytest.raises(UsageError, match=re.escape(complaint)):
        read_chapters()


def test_a_definition_that_is_gone_is_refused(tmp_path, monkeypatch):
    notes = twins.NOTES.read_text() + '\n["optimizer.py".gone]\nsentence = "It was here."\n'
    tomllib.loads(notes)
    (tmp_path / "notes.toml").write_text(notes)
    monkeypatch.setattr(twins, "NOTES", tmp_path / "notes.toml")
    with pytest.raises(UsageError, match=re.escape("no such definitions in optimizer.py: gone")):
        read_chapters()


NAMES = Names([["torch.Tensor", "tf.Tensor"]])
LEFT = [
    "def step(x: torch.Tensor):",
    '    """Learn."""',
    "    optimizer.zero_grad()  # 1. start",
    "    y = f(x)  # DIFF-3",
    "    return y",
]
RIGHT = [
    "def step(x: tf.Tensor):",
    '    """Learn."""',
    "    # Only here.",
    "    with tape:  # 1. start",
    "        quite = other(things)  # DIFF-3",
    "    return y",
]


def test_lines_that_belong_together_share_a_row():
    lines = {"pytorch": LEFT, "tensorflow": RIGHT}
    rows = align(lines, {side: range(len(text)) for side, text in lines.items()}, NAMES)
    pairs = [(row["pytorch"], row["tensorflow"]) for row in rows]
    assert pairs == [(0, 0), (1, 1), (None, 2), (2, 3), (3, 4), (4, 5)]
    kinds = [kinds_of(row, lines, NAMES, TWINS) for row in rows]
    left = [kind.get("pytorch") for kind in kinds]
    assert left == ["names", "equal", None, "differs", "differs", "equal"]
    assert kinds[2] == {"tensorflow": "alone"}


def test_a_third_side_joins_the_rows_of_the_twins():
    lines = {"pytorch": LEFT, "tensorflow": RIGHT, "numpy": ["import this", *RIGHT[1:4], "z = 0"]}
    rows = align(lines, {side: range(len(text)) for side, text in lines.items()}, NAMES)
    with_both = [row["numpy"] for row in rows if row["tensorflow"] in (1, 2, 3)]
    assert with_both == [1, 2, 3]
    assert [row["numpy"] for row in rows if row["numpy"] is not None] == [0, 1, 2, 3, 4]


def test_definitions_have_their_decorators_and_comments():
    source = '"""Doc."""\n\nX = 1\n\n\n# Why.\n@cache\ndef f():\n    pass\n\n\nclass C:\n    pass\n'
    assert definitions(source) == {"imports": range(0, 3), "f": range(5, 9), "C": range(11, 13)}


def test_a_script_is_cut_at_its_numbered_comments():
    data, step = "# 1. data: rows\nx = 1\n", "# 2. step\n@cache\ndef f():\n    # 3. no\n    pass\n"
    source = f'"""Doc."""\n\n{data}\n\n{step}\n\nf()\n'
    assert definitions(source) == {
        "imports": range(0, 1),
        "data": range(2, 4),
        "step": range(6, 14),
    }


def test_names_of_one_side_stand_where_that_side_has_them():
    assert merge([["a", "b", "c"], ["a", "x", "b", "c", "y"]]) == ["a", "x", "b", "c", "y"]


def test_code_is_escaped_and_every_line_is_closed():
    lines = colour(['"""One <b>', 'two & three."""', "x = 1  # 1. start  # DIFF-7  # DIFF-8"])
    assert lines[0] == ("<i class=c>&#34;&#34;&#34;One &lt;b&gt;</i>", [])
    assert lines[1] == ("<i class=c>two &amp; three.&#34;&#34;&#34;</i>", [])
    code, marks = lines[2]
    assert code.endswith("# 1. start</i>")
    assert marks == ["DIFF-7", "DIFF-8"]


def test_lines_that_share_brackets_only_are_not_paired(chapters):
    """A generator of random numbers, for one, faces no options of a pipeline."""
    assert likeness("    generator=torch.Generator(),", "    options = tf.data.Options()") < 0
    assert likeness("    optimizer.step()", "    optimizer.apply(gradients)") > 0
    (step,) = (step for each in chapters for step in each.steps if step.key == "data.make_batches")
    (data,) = (chapter for chapter in chapters if chapter.file == "data.py")
    (row,) = (row for row in step.rows if "Generator()" in text_at(row, "pytorch", data.lines))
    assert row["tensorflow"] is None


def test_docstrings_are_folded_but_for_their_first_lines(chapters):
    (train,) = (chapter for chapter in chapters if chapter.file == "train.py")
    (step,) = (step for step in train.steps if step.name == "train_step")
    (fold,) = (places for places in train.units(step) if len(places) > 1)
    assert list(chain.from_iterable(train.units(step))) == list(range(len(step.rows)))
    for side in TWINS:
        text = [text_at(step.rows[place], side, train.lines) for place in fold]
        assert text[1].strip() == "Returns:"
        assert text[-1].strip() == '"""'
        before = text_at(step.rows[fold[0] - 1], side, train.lines)
        assert before.strip().startswith('"""Learn from one batch')
    source = '"""One.\n\nMore.\n"""\n\n\ndef f():\n    """Short."""\n    return 1\n'
    assert more_of_docstrings(source) == {1, 2, 3}


def test_markdown_of_notes_and_ledger():
    html = markdown("`a<b` and [DIFF-2](#diff-2-default-initial-weights-and-biases) <i>x</i>")
    assert html == ('<code>a&lt;b</code> and <a href="#diff-2">DIFF-2</a> &lt;i&gt;x&lt;/i&gt;')


def test_terminal_prints_the_sides_asked_for(tmp_path, chapters):
    done = run_warm(*COMMAND, "--terminal", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (step,) = (line for line in done.stdout.splitlines() if "zero_grad()  # 1." in line)
    assert "with tf.GradientTape() as tape:" in step
    assert step.split()[:2] == ["2", "≠"]
    assert done.stdout.startswith(f"{study_main.LEGEND}\n")
    assert all(sign in study_main.LEGEND for sign in SIGNS.values())
    assert "One step of learning, in five numbered lines" in done.stdout
    assert "loss_gradient:" not in done.stdout
    assert not list(tmp_path.iterdir())
    console = Console(file=io.StringIO())
    of_losses = [chapter for chapter in chapters if chapter.file == "loss.py"]
    study_main.print_chapters(of_losses, ("pytorch", "tensorflow", "numpy"), console)
    assert "loss.loss_gradient:" in console.file.getvalue()


def test_page_is_written_where_asked(tmp_path, page):
    done = run_warm(*COMMAND, "--output", "page.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page.html").read_text() == page


def test_page_is_written_to_build_and_opened(page, monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr(study_main, "PAGE", tmp_path / "build" / "page.html")
    monkeypatch.setattr(study_main.webbrowser, "open", lambda uri: opened.append(uri) or True)
    request = study_main.Request(output=study_main.PAGE, open=True)
    assert study_main.fulfil(request) == 0
    assert study_main.PAGE.read_text() == page
    assert opened == [study_main.PAGE.as_uri()]


def test_a_missing_browser_is_told_in_one_sentence(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(study_main.webbrowser, "open", lambda _: False)
    assert study_main.fulfil(study_main.Request(output=tmp_path / "page.html", open=True)) == 0
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert (tmp_path / "page.html").exists()


def test_the_page_is_no_file_of_the_repository():
    kept = (ROOT / ".gitignore").read_text().splitlines()
    assert f"{study_main.PAGE.relative_to(ROOT).parent}/" in kept


BAD_REQUESTS = {
    "no page to open": (["--terminal", "--open"], "--open"),
    "NumPy in the page": (["--numpy"], "--numpy"),
    "a folder that is not there": (["--output", "none/page.html"], "none/page.html"),
    "unknown flag": (["--jax"], "--jax"),
}


@pytest.mark.parametrize(("flags", "names"), BAD_REQUESTS.values(), ids=list(BAD_REQUESTS))
def test_bad_requests_get_one_sentence(flags, names, tmp_path):
    done = run_warm(*COMMAND, *flags, cwd=tmp_path)
    assert done.returncode == 2
    assert names in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not list(tmp_path.iterdir())
