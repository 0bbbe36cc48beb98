"""What is missing where a C++ compiler fails, told from what it says."""

import re

from shared.errors import UsageError

# Signs in its complaint, the surest first, and what is then to be installed.
REMEDIES = {
    r"Python\.h|pyconfig\.h|python3\d+\.lib": "Python's headers (python3-dev on Debian and Ubuntu, "
    "python3-devel on Fedora)",
    r"\bomp\.h|libomp|[-/]l?openmp|\bl?gomp\b|-lomp": "OpenMP (on a Mac 'brew install libomp', on "
    "Linux libomp-dev for clang++)",
    r"xcrun|[Xx]code|CommandLineTools": "the command line tools ('xcode-select --install')",
    r"C1083|C1034|LNK1\d+|\bcl\b": "Visual Studio's build tools for C++ (and start from their "
    "x64 Native Tools prompt)",
    r"[Tt]riton": "the triton that belongs to this torch",
    r"C\+\+|cc1plus|No such file|not found|cannot find": "a C++ compiler with its standard "
    "library (g++ on Linux, on a Mac 'xcode-select --install')",
}

# Letters of a complaint that are told.
LONGEST = 160


def unusable(compiler: str, error: Exception) -> UsageError:
    """What to raise where a framework's compiler can't be used: what is wrong, what to install.

    Args:
        compiler: `torch.compile`.
        error: the framework's, whose message ends with what the C++ compiler says.
    """
    said = str(error).rpartition("Output:")[2]
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    complaint = next((line for line in lines if "error" in line.lower()), (lines or ["nothing"])[0])
    found = (f"; install {what}" for sign, what in REMEDIES.items() if re.search(sign, said))
    reason = complaint[:LONGEST].rstrip(".") + next(found, "")
    return UsageError(f"{compiler} cannot be used here: {reason}.")
