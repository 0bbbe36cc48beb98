"""The whole program in one file: as short as promised, alike in both twins, and it learns."""

import ast
import io
import keyword
import re
import tokenize
from difflib import SequenceMatcher

import pytest

from tests.support.commands import ROOT, real_data_dir, run_command

SOURCES = {
    name: (ROOT / f"{name}_impl" / "minimal.py").read_text(encoding="utf-8")
    for name in ("pytorch", "tensorflow")
}

# Proxies that refuse: nothing can be downloaded.
NO_NETWORK = dict.fromkeys(
    ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"
)


def tokens(source: str) -> list[tokenize.TokenInfo]:
    """All tokens of a program that stand for something, of one line each."""
    layout = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    found = tokenize.generate_tokens(io.StringIO(source).readline)
    return [token for token in found if token.type not in layout]


def masked_lines(source: str) -> list[str]:
    """The lines of a program but for imports and blank ones, every name that is no keyword as `_`.

    Marks of the ledger count, so that lines of which only one has a mark are not equal.
    """
    imports = {node.lineno for node in ast.walk(ast.parse(source)) if is_import(node)}
    lines: dict[int, list[str]] = {}
    for token in tokens(source):
        if token.start[0] not in imports:
            is_name = token.type == tokenize.NAME and not keyword.iskeyword(token.string)
            lines.setdefault(token.start[0], []).append("_" if is_name else token.string)
    return [" ".join(words) for words in lines.values()]


def is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


@pytest.mark.parametrize("name", SOURCES)
def test_it_fits_on_a_screen(name):
    lines = SOURCES[name].splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 79


@pytest.mark.parametrize("name", SOURCES)
def test_of_the_project_it_imports_the_dataset_alone(name):
    imports = [node for node in ast.walk(ast.parse(SOURCES[name])) if is_import(node)]
    assert all(isinstance(node, ast.Import) or node.level == 0 for node in imports)
    modules = {
        module
        for node in imports
        for module in (
            [node.module]
            if isinstance(node, ast.ImportFrom)
            else [each.name for each in node.names]
        )
    }
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert {module for module in modules if module.split(".")[0] in rooms} == {"shared.datasets"}


def test_most_lines_are_equal_but_for_names():
    pytorch, tensorflow = map(masked_lines, SOURCES.values())
    blocks = SequenceMatcher(None, pytorch, tensorflow, autojunk=False).get_matching_blocks()
    equal = sum(block.size for block in blocks)
    share = equal / max(len(pytorch), len(tensorflow))
    print(f"{equal} of {len(pytorch)} and {len(tensorflow)} lines are equal: {share:.1%}")
    assert share >= 0.6


def test_comments_are_the_same():
    pytorch, tensorflow = (
        [
            re.sub(r"\s*# DIFF-\d+", "", token.string)
            for token in tokens(source)
            if token.type == tokenize.COMMENT
        ]
        for source in SOURCES.values()
    )
    assert list(filter(None, pytorch)) == list(filter(None, tensorflow))
    assert len(list(filter(None, pytorch))) == 4


# Names that one side alone has a use for.
OWN = {"train_set", "tape", "gradients", "at"}


def test_names_come_in_the_same_order():
    def given(source: str) -> list[str]:
        """What the program gives a name to, in order."""
        nodes = sorted(
            (node for node in ast.walk(ast.parse(source)) if is_new_name(node)),
            key=lambda node: (node.lineno, node.col_offset),
        )
        names = [
            node.name if isinstance(node, ast.FunctionDef) else node_name(node) for node in nodes
        ]
        return [name for name in names if name not in OWN]

    pytorch, tensorflow = map(given, SOURCES.values())
    assert pytorch == tensorflow
    words = {"images", "labels", "logits", "loss", "epoch", "batch_size", "learning_rate"}
    assert words <= {*pytorch}


def is_new_name(node: ast.AST) -> bool:
    stored = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    return stored or isinstance(node, ast.FunctionDef | ast.arg)


def node_name(node: ast.AST) -> str:
    return node.arg if isinstance(node, ast.arg) else node.id


def accuracy_of(output: str, dataset: str) -> float:
    """The accuracy in the last line, behind five that tell of an epoch each with a falling loss."""
    *epochs, last = output.splitlines()
    losses = [
        re.fullmatch(rf"epoch {n}: loss (\d\.\d{{4}})", line)[1] for n, line in enumerate(epochs, 1)
    ]
    assert len(losses) == 5
    assert losses == sorted(losses, reverse=True)
    return float(re.fullmatch(rf"test accuracy on {dataset}: (\d\d\.\d\d)%", last)[1])


@pytest.mark.slow
@pytest.mark.parametrize("name", SOURCES)
def test_it_learns_the_digits_where_mnist_cannot_be_had(name, tmp_path):
    done = run_command(
        "-m", f"{name}_impl.minimal", cwd=tmp_path, OMP_NUM_THREADS="1", **NO_NETWORK
    )
    assert done.returncode == 0, done.stderr
    assert accuracy_of(done.stdout, "digits") > 90
    said = [line for line in done.stderr.splitlines() if not line.startswith("Downloading ")]
    assert [line[-37:] for line in said] == [" Using scikit-learn's digits instead."]


# Neither initial weights nor order are the program's concern; with a seed they are always the same.
SEEDS = {
    "pytorch": "import torch; torch.manual_seed(0)",
    "tensorflow": "import tensorflow_impl, keras; keras.utils.set_random_seed(0)",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SOURCES)
def test_it_reaches_97_per_cent_on_mnist(name, warm, tmp_path):
    data_dir = real_data_dir()
    if data_dir is None:
        pytest.skip("NO REAL DATA: MNIST is not trained on; set DATA_DIR")
    program = f"{SEEDS[name]}; import {name}_impl.minimal"
    environment = {"DATA_DIR": str(data_dir), "OMP_NUM_THREADS": "1"}
    done = warm(name).run("-c", program, cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert accuracy_of(done.stdout, "mnist") >= 97
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_ends_it_with_one_sentence(tmp_path):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(b"damaged")
    program = "from shared.datasets import open_dataset; open_dataset()"
    done = run_command("-c", program, cwd=tmp_path, DATA_DIR=str(tmp_path), **NO_NETWORK)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "train-images-idx3-ubyte.gz is not the published file" in done.stderr
