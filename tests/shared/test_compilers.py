"""What a compiler that fails complains of is told, with what to install."""

import pytest

from shared.compilers import LONGEST, unusable

# As torch, g++, clang++ and cl put it.
SAID = {
    "no headers": (
        "CppCompileError: C++ compile error\n\nCommand:\ng++ x.cpp -fopenmp -o x.so\n\nOutput:\n"
        "In file included from x.cpp:1:\nx.cpp:1:10: fatal error: Python.h: No such file or "
        "directory\n    1 | #include <Python.h>\ncompilation terminated.\n\n\nSet TORCH_LOGS",
        "x.cpp:1:10: fatal error: Python.h: No such file or directory; install Python's headers",
    ),
    "no OpenMP on a Mac": (
        "C++ compile error\n\nCommand:\nclang++ -Xclang -fopenmp x.cpp\n\nOutput:\nx.cpp:3:10: "
        "fatal error: 'omp.h' file not found\n#include <omp.h>\n1 error generated.",
        "x.cpp:3:10: fatal error: 'omp.h' file not found; install OpenMP (on a Mac 'brew",
    ),
    "no OpenMP to link": (
        "Output:\n/usr/bin/ld: cannot find -lomp: No such file or directory\nclang: error: linker "
        "command failed with exit code 1",
        "clang: error: linker command failed with exit code 1; install OpenMP",
    ),
    "no tools on a Mac": (
        "Output:\nxcrun: error: invalid active developer path (/Library/Developer)",
        "xcrun: error: invalid active developer path (/Library/Developer); install the "
        "command line tools ('xcode-select --install').",
    ),
    "no SDK on Windows": (
        "Output:\nx.cpp(1): fatal error C1083: Cannot open include file: 'algorithm'",
        "x.cpp(1): fatal error C1083: Cannot open include file: 'algorithm'; install Visual Studio",
    ),
    "no compiler on Windows": (
        "Compiler: cl is not found.",
        "Compiler: cl is not found; install Visual Studio's build tools",
    ),
    "no compiler": (
        "No working C++ compiler found in torch._inductor.config.cpp.cxx: (None, 'g++')",
        "No working C++ compiler found in torch._inductor.config.cpp.cxx: (None, 'g++'); install a "
        "C++ compiler with its standard library",
    ),
    "no Triton": (
        "TritonMissing: Cannot find a working triton installation. Either",
        "TritonMissing: Cannot find a working triton installation. Either; install the triton",
    ),
    "no library that loads": (
        "OSError: /tmp/x.so: file too short",
        "OSError: /tmp/x.so: file too short.",
    ),
    "no word": ("C++ compile error\n\nOutput:\n\n", "nothing."),
}


@pytest.mark.parametrize(("said", "told"), SAID.values(), ids=SAID)
def test_the_complaint_is_told_with_what_to_install(said, told):
    sentence = str(unusable("torch.compile", RuntimeError(said)))
    assert sentence.startswith(f"torch.compile cannot be used here: {told}")
    assert "\n" not in sentence


def test_a_long_complaint_is_cut():
    assert len(str(unusable("XLA", RuntimeError("error: " + 10_000 * "x")))) < LONGEST + 150
