"""Files that are written whole or not at all."""

import os
import sys

import pytest

from fastnn import files


def interrupted_at(moment, path):
    """Replace a file, and raise an interrupt at a step of it; returns whether one was raised."""
    steps = iter(range(moment))

    def step(frame, event, argument):
        if frame.f_code.co_filename.endswith(("contextlib.py", "files.py")):
            frame.f_trace_opcodes = True
            if next(steps, None) is None:
                sys.settrace(None)
                raise KeyboardInterrupt
        return step

    sys.settrace(step)
    try:
        with files.replacing(path) as temporary:
            temporary.write_text("new")
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


@pytest.mark.filterwarnings("error")
def test_an_interrupt_at_any_step_leaves_the_old_file_or_the_new_and_no_other(tmp_path):
    path, moment, seen = tmp_path / "kept.txt", 0, set()
    path.write_text("old")
    while interrupted_at(moment, path):
        moment += 1
        seen.add(path.read_text())
        assert os.listdir(tmp_path) == ["kept.txt"], moment
        path.write_text("old")
    assert seen == {"old", "new"}
    assert moment > 20


def test_the_process_mask_is_never_touched(tmp_path, monkeypatch):
    before = os.umask(0o027)
    monkeypatch.setattr(os, "umask", None)
    try:
        with files.replacing(tmp_path / "kept.txt") as temporary:
            temporary.write_text("new")
    finally:
        monkeypatch.undo()
        os.umask(before)
    if os.name == "posix":
        assert os.stat(tmp_path / "kept.txt").st_mode & 0o777 == 0o640
