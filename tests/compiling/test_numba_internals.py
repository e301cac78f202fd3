"""Numba's private names: all in one file, all there, and imported when they are needed."""

import ast
from pathlib import Path

import pytest
from processes import python

import fastnn
from fastnn.compiling import numba_internals

PACKAGE = Path(fastnn.__file__).parent
PUBLIC = {"numba", "numba.extending"}  # modules whose names the manual promises


def imported(node):
    """Name the modules that a statement, or a call that imports by name, imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    if isinstance(node, ast.Call) and "module" in ast.unparse(node.func):
        return [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
    return []


FROM_NUMBA = {
    (path.relative_to(PACKAGE).as_posix(), name)
    for path in PACKAGE.rglob("*.py")
    for node in ast.walk(ast.parse(path.read_text("utf-8")))
    for name in imported(node)
    if name.partition(".")[0] == "numba"
}


def test_private_modules_are_imported_in_one_file():
    private = {path for path, name in FROM_NUMBA if name not in PUBLIC}
    assert private == {"compiling/numba_internals.py"}


def test_names_of_numbas_modules_stand_in_one_file():
    texts = {path: path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}
    telling = {path.name for path, text in texts.items() if "numba.core" in text}
    assert telling | {path.name for path, text in texts.items() if "numba.np" in text} == {
        "numba_internals.py"
    }


def test_who_imports_numba():
    files = {path for path, _ in FROM_NUMBA if not path.startswith("compiling/lowering/")}
    assert files == {
        "compiling/compiler.py",
        "compiling/numba_internals.py",
    }


@pytest.mark.parametrize("name", numba_internals.PLACES)
def test_a_name_is_where_it_is_said_to_be(name):
    assert getattr(numba_internals, name) is not None


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="has no attribute 'cutils'"):
        _ = numba_internals.cutils
    with pytest.raises(ImportError, match="cutils"):
        from fastnn.compiling.numba_internals import cutils  # noqa: F401


def test_llvm_is_imported_whole_and_on_no_clock():
    program = """
    import sys
    import fastnn
    from fastnn.compiling import llvm, time_spent

    before, spent = "llvmlite" in sys.modules, time_spent.seconds()
    llvm.get_host_cpu_name()
    print(before, "llvmlite" in sys.modules, time_spent.seconds() > spent)
    """
    assert python(program) == "False True True"
