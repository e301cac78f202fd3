"""The command, run in a folder of its own."""

import pytest

from fastnn.cli import main


@pytest.fixture
def fastnn(capsys, tmp_path, monkeypatch):
    """Run a command; returns status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return stop.value.code or 0, out, err

    return run


@pytest.fixture
def train(fastnn):
    """Train a plain network on a file; returns its score, and what was told."""

    def run(target, *more, data="d.csv", epochs=300):
        words = ["train", data, "--target", target, "--out", "m.skops", "--max-iter", epochs]
        status, out, err = fastnn(*words, *more)
        assert status == 0, err
        return float(out.splitlines()[0].split()[-1]), err

    return run
