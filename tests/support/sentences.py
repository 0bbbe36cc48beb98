"""Refusals of bad input, as every command gives them."""


def assert_one_sentence(done, names, cwd):
    assert done.returncode == 2, done.stderr
    assert names in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stderr.strip().endswith(".")
    assert not (cwd / "results").exists()
