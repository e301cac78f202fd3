"""What the documentation shows runs as it stands there, with warnings as errors."""

import doctest
import importlib
import importlib.util
import pkgutil
import re
from pathlib import Path

import pytest

import fastnn

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MODULES = [
    module.name
    for module in pkgutil.walk_packages(fastnn.__path__, "fastnn.")
    if module.name != "fastnn.__main__"  # runs the command line
]


def examples():
    """Every docstring with an example, as a test by name."""
    finder = doctest.DocTestFinder()
    found = {}
    for name in fastnn.__all__:  # which are imported when they are asked for
        getattr(fastnn, name)
    for name in ["fastnn", *MODULES]:
        for test in finder.find(importlib.import_module(name), globs={}):  # imports are shown too
            if test.examples:
                found[test.name] = test
    return found


EXAMPLES = examples()


@pytest.mark.parametrize("name", EXAMPLES)
def test_docstring_example(name):
    told = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(EXAMPLES[name], out=told.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(told)


def test_each_public_name_has_an_example():
    public = {name for name in fastnn.__all__ if not name.startswith("__")}
    shown = {name.split(".")[1] for name in EXAMPLES if name.count(".") == 1}
    assert public <= shown, public - shown


BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0][:40])
def test_readme_block(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, README, "exec"), {"__name__": "__main__"})


def test_readme_has_blocks_and_nothing_to_fill_in():
    assert BLOCKS
    text = README.read_text(encoding="utf-8")
    assert "@@" not in text
    assert not re.search(r"pip install '?fastnn(?!-mlp)", text)


# ------------------------------------------------------------------------------------ CONTRIBUTING


def between(begin, end):
    return CONTRIBUTING.partition(begin)[2].partition(end)[0]


def in_backticks(text):
    return re.findall(r"`([^`]+)`", text)


MAP = [  # paths, and the names told beside them
    (in_backticks(where), set(in_backticks(what)))
    for where, what in re.findall(r"^\| (`.*?) \| (.*) \|$", CONTRIBUTING, flags=re.MULTILINE)
]
FOLDERS = {paths[0]: told for paths, told in MAP if paths[0].endswith("/")}


def test_the_map_has_every_folder_and_every_file_beside_them():
    folders = {f"{path.parent.relative_to(ROOT)}/" for path in ROOT.glob("fastnn/*/**/*.py")}
    sources = [*ROOT.glob("*.py"), *ROOT.glob("fastnn/*.py")]
    files = {str(path.relative_to(ROOT)) for path in sources}
    assert {path for paths, _ in MAP for path in paths} == folders | files


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_map_names_every_file_of_a_folder(folder):
    files = {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}
    assert FOLDERS[folder] - {"__init__.py"} == files


def test_a_training_step_is_read_in_ten_files():
    files = re.findall(r"^\d+\. `(.*?)`", between("step: begin", "step: end"), flags=re.MULTILINE)
    assert (files[0], files[-1]) == ("fastnn/network.py", "fastnn/kernels/updates.py")
    assert len(files) <= 10
    assert [file for file in files if not (ROOT / file).exists()] == []


NAMING = {
    name: (ROOT / name).read_text(encoding="utf-8") for name in ("SECURITY.md", "docs/rely.rst")
}


@pytest.mark.parametrize("text", [CONTRIBUTING, *NAMING.values()], ids=["CONTRIBUTING.md", *NAMING])
def test_paths_that_are_named_exist(text):
    paths = re.findall(r"`((?:fastnn|tests|docs|benchmarks|\.ci)/[\w./]+)`", text)
    assert paths
    assert [path for path in paths if ".build" not in path and not (ROOT / path).exists()] == []


def test_each_promise_names_the_test_that_holds_it():
    promised = NAMING["docs/rely.rst"].partition("What is not promised")[0]
    promises = re.split(r"^\* ", promised, flags=re.MULTILINE)[1:]
    assert len(promises) > 10
    assert [promise for promise in promises if "``tests/" not in promise] == []


# ----------------------------------------------------------------------------------------- rooms

SPEC = importlib.util.spec_from_file_location("rooms", ROOT / "docs" / "rooms.py")
rooms = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(rooms)


def test_the_rooms_stand_in_the_order_of_the_contract():
    assert between("<!-- rooms: begin -->\n```text\n", "\n```") == rooms.text(rooms.layers())


def test_imports_point_down():
    assert rooms.faults(rooms.imports(rooms.modules()), rooms.layers()) == []


def test_imports_inside_functions_are_few_and_say_why():
    inside = rooms.statements_inside(rooms.imports(rooms.modules()), rooms.modules())
    assert {place: name for place, (name, reason) in inside.items() if not reason} == {}
    assert len(inside) <= 20


CONTRACT = """
[[tool.importlinter.contracts]]
type = "layers"
layers = ["fastnn.top", "fastnn.left | fastnn.right", "fastnn.low"]
"""
HOUSE = {
    "__init__": "from fastnn.top import a",
    "top": "from fastnn import left\nfrom fastnn.low import deep",
    "left": "import numpy",
    "right": "def f():\n    # 20 ms\n    import fastnn.low.deep",
    "low/__init__": "",
    "low/deep": "from .deeper import a",
    "low/deeper": "a = 1",
}


@pytest.fixture
def house(tmp_path):
    """Read a small package of these files, as the script reads fastnn."""

    def build(**changed):
        (tmp_path / "pyproject.toml").write_text(CONTRACT)
        for name, source in {**HOUSE, **changed}.items():
            path = tmp_path / "fastnn" / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        files = rooms.modules(tmp_path)
        return rooms.imports(files), files, rooms.layers(tmp_path)

    return build


def test_a_house_in_order(house, tmp_path):
    found, files, floors = house()
    assert rooms.faults(found, floors) == []
    assert rooms.chain(found) == ["fastnn", "fastnn.top", "fastnn.low.deep", "fastnn.low.deeper"]
    inside = rooms.statements_inside(found, files, tmp_path)
    assert inside == {"fastnn/right.py:3": ("fastnn.low.deep", "20 ms")}
    drawing = rooms.draw(found, files, floors)
    assert "<title>top imports low: 1</title>" in drawing
    assert 'class="wrong"' not in drawing


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"low/deep": "def f():\n    import fastnn.left"}, "line 2: fastnn.left is not below"),
        ({"left": "from fastnn import right"}, "line 1: fastnn.right is not below"),
        ({"left": "import fastnn"}, "line 1: fastnn is not below"),
        ({"low/deeper": "from . import deep"}, "a circle of imports: fastnn.low.deep"),
    ],
    ids=["up", "sideways", "the door", "circle"],
)
def test_a_house_out_of_order(house, changed, told):
    found, files, floors = house(**changed)
    faults = rooms.faults(found, floors)
    assert told in faults[0]
    is_drawn = "import fastnn.left" in str(changed) or "right" in str(changed)
    assert ('class="wrong"' in rooms.draw(found, files, floors)) == is_drawn


def test_a_file_outside_of_all_rooms(house):
    found, _, floors = house(attic="import fastnn.top")
    with pytest.raises(LookupError, match=r"fastnn\.attic is in no room"):
        rooms.faults(found, floors)
