"""The documents: code that is quoted stands in the code, links lead somewhere, commands exist."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from commands.entry import COMMANDS
from tests.support.commands import ROOT, run_warm

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# A command of this project, and what follows it on its line.
COMMAND = re.compile(
    r"python (compare\.py|-m (?:benchmarks|commands|comparison|report|study|\w+_impl)[a-z_.]*)"
    r"([^`|\n]*)"
)


def anchors(path: Path) -> set[str]:
    """What a link to a heading of this document may say behind the #."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    assert links
    for link in links:
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_are_named_with_their_folder_exist(path):
    named = re.findall(r"\b(\w+/[\w/]+\.(?:py|md|toml))\b", path.read_text(encoding="utf-8"))
    # `techniques/loss.py` is in each implementation.
    tops = [ROOT, *ROOT.glob("*_impl")]
    assert [name for name in named if not any((top / name).exists() for top in tops)] == []


def test_quoted_code_is_that_of_the_twins():
    text = (ROOT / "docs" / "WALKTHROUGH.md").read_text(encoding="utf-8")
    _, *steps = text.split("\n## ")
    lines = {
        line.strip()
        for package in ("pytorch_impl", "tensorflow_impl")
        for path in (ROOT / package).glob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
    }
    quoted = [
        line.strip()
        # The imports of the first step are in many files, with comments of the document's own.
        for step in steps[1:]
        for block in re.findall(r"```python\n(.*?)```", step, re.DOTALL)
        for line in block.splitlines()
    ]
    assert len(quoted) > 20
    assert not [line for line in quoted if line not in lines]


def messages() -> dict[re.Pattern[str], int]:
    """The strings in the code: a pattern of each, and how many of its letters are fixed."""
    found = {}
    nodes = (
        node
        for room in ("commands", "shared")
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )
    for node in nodes:
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        if isinstance(node, ast.JoinedStr | ast.Constant):
            fixed = [str(part.value) for part in parts if isinstance(part, ast.Constant)]
            shown = [
                re.escape(str(p.value)) if isinstance(p, ast.Constant) else ".+" for p in parts
            ]
            # No docstring of several lines, and nothing that is too short to be recognized.
            if sum(map(len, fixed)) > 9 and "\n" not in "".join(fixed):
                found[re.compile("".join(shown).removesuffix(r"\."))] = sum(map(len, fixed))
    return found


def test_quoted_messages_are_in_the_code():
    text = (ROOT / "docs" / "QUESTIONS.md").read_text(encoding="utf-8")
    said = re.findall(r'a notice: "(.+?)"', text, re.DOTALL)
    said += re.findall(r"^\| .* \| (holds .+|--\w+ .+) \|$", text, re.MULTILINE)
    for block in re.findall(r"^```\n(\$.*?)```", text, re.MULTILINE | re.DOTALL):
        lines = [line for line in block.splitlines() if not line.startswith(("$", " "))]
        # Sentences, which continue on the next line; a file's name stands before some.
        said += re.split(r"(?<=[.):]) (?=[A-Z]|\w+\.\w+: )", " ".join(lines))
    quoted = {" ".join(each.split()).rstrip(".") for each in said if not each.endswith(":")}
    assert len(quoted) > 12
    known = messages()
    unknown = [
        each
        for each in quoted
        if not any(
            fixed > len(each) / 3 and pattern.fullmatch(part)
            for pattern, fixed in known.items()
            for part in (each, each.partition(": ")[2])
        )
    ]
    assert unknown == []


def commands() -> set[tuple[str, str]]:
    """Each program that a document names, with a flag that it is said to have."""
    found = set()
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        for program, rest in COMMAND.findall(text):
            # It takes no flags; tests/twins/test_minimal.py runs it.
            if program.endswith(".minimal"):
                continue
            words = shlex.split(rest.split("#")[0].replace("'", ""))
            flags = [word for word in words if word.startswith("--")]
            if program.endswith("_impl") and words[:1] and words[0] in COMMANDS:
                program = f"{program} {words[0]}"
            found |= {(program, flag) for flag in flags or ["--help"]}
    return found


@pytest.fixture(scope="module")
def helps(tmp_path_factory):
    """The help text of each program that a document names."""
    folder = tmp_path_factory.mktemp("elsewhere")
    programs = {program for program, _ in commands()}
    texts = {}
    for program in programs:
        words = program.split()
        if words[0] == "compare.py":
            words[0] = str(ROOT / "compare.py")
        texts[program] = run_warm(*words, "--help", cwd=folder).stdout
    return texts


def test_commands_exist_and_know_their_flags(helps):
    assert len(helps) > 8
    for program, flag in commands():
        assert flag in helps[program], f"python {program} {flag}"


def test_what_is_made_is_a_target():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for path in DOCUMENTS:
        made = re.findall(r"(?:^|`)make (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(made) <= set(targets), path
