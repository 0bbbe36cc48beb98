"""The rules of the house: who may import whom, and how large files and rooms may become."""

import ast
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RULES = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
ROOMS = RULES["root_packages"]
IMPLEMENTATIONS = {room for room in ROOMS if room.endswith("_impl")}
FRAMEWORKS = set(
    next(
        contract["forbidden_modules"]
        for contract in RULES["contracts"]
        if contract["name"] == "No framework outside its own implementation"
    )
)
LAYERS = "Nothing imports upward, and no implementation another"
CIRCLES = "No circle of imports within a room"
AT_ONCE, LATE = "import {}", "def late():\n    import {}"
# A contract, a file, how the file imports, and a module that it must not import.
FORBIDDEN = [
    (LAYERS, "shared/errors.py", LATE, "report.table"),
    (LAYERS, "report/table.py", AT_ONCE, "commands.train"),
    (LAYERS, "commands/train.py", AT_ONCE, "study.page"),
    (LAYERS, "commands/train.py", AT_ONCE, "numpy_impl.run"),
    (LAYERS, "numpy_impl/__main__.py", AT_ONCE, "comparison.plan"),
    (LAYERS, "comparison/plan.py", AT_ONCE, "benchmarks.null"),
    (LAYERS, "pytorch_impl/model.py", AT_ONCE, "tensorflow_impl.model"),
    (CIRCLES, "shared/errors.py", LATE, "shared.config"),
    (CIRCLES, "report/page/svg.py", AT_ONCE, "report.page.page"),
    (
        "An implementation meets the commands in its __main__ only",
        "tensorflow_impl/train.py",
        AT_ONCE,
        "commands.requests",
    ),
    (
        "The comparison finds implementations by name and imports the reference only",
        "comparison/jobs.py",
        LATE,
        "pytorch_impl.run",
    ),
    ("No framework outside its own implementation", "shared/metrics.py", LATE, "keras"),
    ("PyTorch's implementation imports no other framework", "pytorch_impl/data.py", AT_ONCE, "jax"),
    (
        "TensorFlow's implementation imports no other framework",
        "tensorflow_impl/data.py",
        LATE,
        "torch",
    ),
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the rooms, to plant imports in."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            copy = folder / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    return folder


def broken_contracts(folder: Path) -> list[str]:
    """Names of the contracts that the rooms in a folder break."""
    lint = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", lint, "--no-cache", "--no-logo"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = [line.rpartition(" BROKEN") for line in done.stdout.splitlines()]
    broken = [name for name, verdict, _ in verdicts if verdict]
    assert "Contracts: " in done.stdout, done.stdout + done.stderr
    assert done.returncode == bool(broken), done.stdout + done.stderr
    return broken


def test_every_import_contract_holds(house):
    assert broken_contracts(house) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("contract", "file", "how", "module"),
    FORBIDDEN,
    ids=[f"{file} imports {module}" for _, file, _, module in FORBIDDEN],
)
def test_a_forbidden_import_is_found(house, contract, file, how, module):
    path = house / file
    source = path.read_text("utf-8")
    path.write_text(f"{source}\n{how.format(module)}\n", "utf-8")
    try:
        assert broken_contracts(house) == [contract]
    finally:
        path.write_text(source, "utf-8")


def test_a_forbidden_import_is_planted_for_every_contract():
    assert {each["name"] for each in RULES["contracts"]} == {each[0] for each in FORBIDDEN}


def product_files() -> Iterator[Path]:
    """Every Python file that is no test, relative to the root."""
    for path in sorted(ROOT.iterdir()):
        if path.suffix == ".py":
            yield path.relative_to(ROOT)
        elif path.is_dir() and any(path.glob("*.py")) and path.name != "tests":
            yield from (file.relative_to(ROOT) for file in path.rglob("*.py"))


def lines(path: Path) -> int:
    """Number of lines of a file of the project."""
    return len((ROOT / path).read_text("utf-8").splitlines())


def imported(statements: list[ast.stmt]) -> set[str]:
    """Top-level names of what the statements import; relative imports leave out the package."""
    names: set[str] = set()
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add(node.module.partition(".")[0])
    return names


def statements(path: Path) -> list[ast.stmt]:
    """The statements of a file of the project."""
    return ast.parse((ROOT / path).read_text("utf-8")).body


def test_every_room_is_under_contract():
    """import-linter sees packages alone: what is none is listed here and checked below."""
    rooms = {path.parts[0] for path in product_files() if len(path.parts) > 1}
    assert rooms == set(ROOMS)
    folders = {path.parent for path in product_files()}
    loose = {folder for folder in folders if not (ROOT / folder / "__init__.py").exists()}
    assert loose == {Path(), Path("benchmarks/tutorials")}


def test_the_front_door_imports_the_comparison_and_what_reads_flags():
    names = imported(statements(Path("compare.py")))
    assert names - sys.stdlib_module_names == {"comparison", "shared"}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "benchmarks/tutorials").glob("*.py")), ids=lambda path: path.name
)
def test_a_tutorial_stands_alone_with_one_framework(path):
    names = imported(statements(path))
    assert not names & {*ROOMS, "compare", "tests"}
    assert len({{"torchvision": "torch"}.get(name, name) for name in names & FRAMEWORKS}) <= 1


@pytest.mark.parametrize(
    "path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.name
)
def test_a_benchmark_imports_frameworks_in_its_children_only(path):
    """A process may hold one framework, and what asks for the measurement holds none."""
    at_once = [
        statement
        for statement in statements(path)
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef)
        and not (isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING")
    ]
    assert not imported(at_once) & (FRAMEWORKS | IMPLEMENTATIONS)


def test_no_file_is_longer_than_350_lines():
    assert {str(path): lines(path) for path in product_files() if lines(path) > 350} == {}


def test_no_room_holds_more_than_a_quarter_of_the_code():
    sizes = dict.fromkeys(ROOMS, 0)
    for path in product_files():
        if len(path.parts) > 1:
            sizes[path.parts[0]] += lines(path)
    assert max(sizes.values()) <= sum(sizes.values()) / 4, sizes


@pytest.mark.parametrize("room", sorted(set(ROOMS) - IMPLEMENTATIONS))
def test_a_room_lists_its_files(room):
    said = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text("utf-8"))) or ""
    listed = [line.split()[0] for line in said.splitlines() if ".py " in line]
    files = [path.name for path in (ROOT / room).glob("*.py") if path.name != "__init__.py"]
    assert sorted(listed) == sorted(files)


# What reads or writes text in the system's own encoding if none is named: how many other arguments
# it has; and the mode or flag that makes others do so.
TEXTS = {"read_text": 0, "write_text": 1}
MODES = {"'r'", "'rt'", "'w'", "'x'", "'a'"}
FLAGS = {"text", "universal_newlines"}


def texts_without_encoding(source: str) -> Iterator[str]:
    """The calls that read or write text in whatever encoding the system has."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        known = {each.arg: ast.unparse(each.value) for each in node.keywords}
        modes = {ast.unparse(each) for each in node.args} | set(known.values())
        is_text = name in TEXTS and len(node.args) <= TEXTS[name]
        is_text |= name in ("open", "fdopen") and bool(MODES & modes)
        is_text |= name in ("run", "Popen", "check_output") and bool(FLAGS & known.keys())
        if is_text and "encoding" not in known:
            yield ast.unparse(node)


def test_a_text_whose_encoding_is_not_named_is_found():
    found = "a.read_text()", "b.write_text('x')", "c.open('w')", "subprocess.run([], text=True)"
    assert list(texts_without_encoding("\n".join(found))) == list(found)
    fine = "a.read_text('utf-8')", "b.open('rb')", "c.open('x', encoding='utf-8')", "run([])"
    assert list(texts_without_encoding("\n".join(fine))) == []


@pytest.mark.parametrize("room", ["compare.py", *ROOMS])
def test_no_text_is_read_or_written_in_the_systems_own_encoding(room):
    paths = [ROOT / room] if room.endswith(".py") else (ROOT / room).rglob("*.py")
    found = {str(path): list(texts_without_encoding(path.read_text("utf-8"))) for path in paths}
    assert {path: calls for path, calls in found.items() if calls} == {}
