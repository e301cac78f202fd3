"""Private members stay in their room: no function reads those of another room's objects."""

import ast
from collections import defaultdict
from pathlib import Path

import fastnn

PACKAGE = Path(fastnn.__file__).parent
# Of objects that are not ours, where there is no public name.
OF_OTHERS = {
    "_replace": "of a NamedTuple, which documents it",
    "_fields": "of a NamedTuple, which documents it",
    "_getframe": "of sys, which documents it",
    "_validate_params": "scikit-learn's, of an estimator",
    "_init_callback_context": "scikit-learn's, of an estimator",
    "_best_coefs": "scikit-learn's network goes on from them",
    "_best_intercepts": "scikit-learn's network goes on from them",
    "_optimizer": "scikit-learn's network goes on with it",
    "_asdict": "of a NamedTuple, which documents it",
    "_predictors": "scikit-learn's trees, and what `fastnn.tabular.forest` needs beside them",
    "_baseline_prediction": "the same",
    "_preprocessor": "the same",
    "_worksheet_path": "openpyxl's: which part of an archive a sheet is",
    "_real_set_num_threads": "threadpoolctl's: `fastnn.engine.threads` says why",
}
IN_ONE_FILE = PACKAGE / "compiling" / "numba_internals.py"


def room_of(path):
    return path.relative_to(PACKAGE).parts[0]


def trees():
    return {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def is_private(name):
    return name.startswith("_") and not name.startswith("__")


def members(tree):
    """Private members that a file reads, or sets, of something, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            yield node.attr, owner in ("self", "cls"), isinstance(node.ctx, ast.Store), node.lineno


def defined(tree):
    """Private names that a file defines, or sets on something."""
    yield from (
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and is_private(node.name)
    )
    yield from (
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and is_private(node.id)
    )
    yield from (name for name, is_own, is_set, _ in members(tree) if is_own or is_set)


def test_private_members_stay_in_their_room():
    rooms = defaultdict(set)
    for path, tree in trees().items():
        rooms[room_of(path)].update(defined(tree))
    strangers = [
        f"{path.relative_to(PACKAGE)}:{line}: {name}"
        for path, tree in trees().items()
        for name, is_own, _, line in members(tree)
        if not is_own and name not in rooms[room_of(path)] | set(OF_OTHERS) and path != IN_ONE_FILE
    ]
    assert strangers == []
