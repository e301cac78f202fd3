"""A process that has imported what takes seconds, and is forked for each program.

``python prepared.py`` reads a line of JSON for each program: its source, the file that holds it or
an empty text, its arguments, the variables of its environment, and files for its output. It answers
with the number of a process in which the program runs to Python's own end, or with 0 where none
could be started. That process' parent has ended: an ancestor that adopts orphans is to wait for it.

fastnn itself is not among the imports, nor what reads variables that a program may bring along. All
programs share what Python draws when it begins, the seed of texts' hashes.
"""

import gc
import importlib
import json
import os
import sys
import types
import warnings

import numpy

# What fastnn imports from others: 2 of the 3 seconds that a program takes to begin.
for name in ("pandas", "scipy.optimize", "sklearn.model_selection", "sklearn.neural_network"):
    importlib.import_module(name)
gc.freeze()  # what Python would look through again at the end of each program


def orphan(answer):
    """Fork; returns in the new process alone, when `answer` has sent its number."""
    ours, theirs = os.pipe()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        middle = os.fork()  # of which Python 3.12 and later tell, as OpenBLAS has threads
    if not middle:
        try:
            is_parent = os.fork()
        except OSError:
            is_parent = True
        if is_parent:
            os._exit(0)
        os.setsid()  # before anybody knows of it: who ends it ends the group
        os.write(theirs, b"%d\n" % os.getpid())
    os.close(theirs)
    if middle:
        os.waitpid(middle, 0)
        answer(os.read(ours, 32) or b"0\n")
    os.close(ours)
    return not middle


def become(told):
    """Make this process one that was started for a program; returns what is to be executed."""
    for number, name in enumerate([os.devnull, told["out"], told["err"]]):
        file = os.open(name, os.O_WRONLY | os.O_APPEND if number else os.O_RDONLY)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(told["variables"])
    numpy.random.seed()  # as a new process has it
    sys.argv = [told["file"] or "-c", *told["arguments"]]
    sys.path[0] = os.path.dirname(told["file"])
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    if told["file"]:
        main.__file__ = told["file"]
    return compile(told["source"], told["file"] or "<string>", "exec"), vars(main)


for line in iter(sys.stdin.readline, ""):
    if orphan(lambda number: os.write(1, number)):
        exec(*become(json.loads(line)))
        break
