"""The rooms of fastnn and the imports between them, read from its source.

    python docs/rooms.py

prints the files of each room, the imports inside functions and the longest chain of imports. The
documentation draws the rooms at its build (`conf.py`). Their order is the `layers` contract of
import-linter in `pyproject.toml`. An import that points up or a circle makes both fail; imports
inside functions count as all others do.
"""

import ast
import re
import sys
import textwrap
import tomllib
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from html import escape
from importlib.util import resolve_name
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGE = "fastnn"
# Modules of no room: what `import fastnn` and `python -m fastnn` run. Only the top room and tests
# use them.
DOORS = {PACKAGE, f"{PACKAGE}.__main__"}


class Import(NamedTuple):
    """One module's import of another."""

    importer: str
    imported: str
    line: int
    is_inside: bool  # a function
    reason: str  # the comment beside it, or on the line above


class Layer(NamedTuple):
    """Rooms that stand on the same floor."""

    rooms: list[str]
    are_independent: bool  # of one another, as import-linter's `|` has it


# ---------------------------------------------------------------------------------- reading


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Name every module of the package, with its file."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imports(files: dict[str, Path]) -> list[Import]:
    """Read what the modules import of one another."""
    return [found for name, path in files.items() for found in _imports_of(name, path, files)]


def _imports_of(importer: str, path: Path, files: dict[str, Path]) -> Iterator[Import]:
    lines = path.read_text("utf-8").splitlines()
    tree = ast.parse("\n".join(lines))
    inside = {
        statement
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for statement in ast.walk(function)
    }
    package = importer if path.name == "__init__.py" else importer.rpartition(".")[0]
    for node in ast.walk(tree):
        for name in _names(node, package, files):
            yield Import(importer, name, node.lineno, node in inside, _reason(lines, node.lineno))


def _names(node: ast.AST, package: str, files: dict[str, Path]) -> Iterator[str]:
    """Name the modules that a statement imports; `from a import b` is a.b where that is one."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = resolve_name("." * node.level + (node.module or ""), package)
        whole = (f"{base}.{alias.name}" for alias in node.names)
        yield from {name if name in files else base for name in whole}


def _reason(lines: list[str], line: int) -> str:
    beside, above = lines[line - 1].partition("#")[2], lines[line - 2].strip()
    return (beside or (above[1:] if above.startswith("#") else "")).strip()


def layers(root: Path = ROOT) -> list[Layer]:
    """Read the floors of the house, the uppermost first."""
    settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    contract = next(c for c in settings["contracts"] if c["type"] == "layers")
    return [
        Layer([room.strip(" ()") for room in re.split(r"[|:]", layer)], ":" not in layer)
        for layer in contract["layers"]
    ]


def room_of(module: str, floors: list[Layer]) -> str | None:
    """Find the room that a module is in, None for a door.

    Raises
    ------
    LookupError
        If it is in none.
    """
    rooms = [room for floor in floors for room in floor.rooms]
    around = [room for room in rooms if f"{module}.".startswith(f"{room}.")]
    if not around and module not in DOORS:
        raise LookupError(f"{module} is in no room: the contract in pyproject.toml has none for it")
    return max(around, key=len, default=None)


# ---------------------------------------------------------------------------------- judging


def between_rooms(found: list[Import], floors: list[Layer]) -> Counter[tuple[str, str]]:
    """Count the imports from each room to each other one."""
    ours = [one for one in found if one.imported.partition(".")[0] == PACKAGE]
    pairs = ((room_of(one.importer, floors), room_of(one.imported, floors)) for one in ours)
    return Counter((a, b) for a, b in pairs if a != b and a is not None and b is not None)


def is_wrong(start: str, end: str, floors: list[Layer]) -> bool:
    """Whether an import from a room to another points up, or to an independent neighbour."""
    (up, floor), (down, _) = (
        next((i, floor) for i, floor in enumerate(floors) if room in floor.rooms)
        for room in (start, end)
    )
    return down < up or (down == up and floor.are_independent)


def faults(found: list[Import], floors: list[Layer]) -> list[str]:
    """Tell each import that the order of the rooms forbids, and a circle if there is one."""
    told = []
    for one in found:
        if one.imported.partition(".")[0] != PACKAGE or one.importer in DOORS:
            continue
        start, end = room_of(one.importer, floors), room_of(one.imported, floors)
        wrong = start not in floors[0].rooms if end is None else start != end
        if wrong and (end is None or is_wrong(start, end, floors)):
            told.append(f"{one.importer}, line {one.line}: {one.imported} is not below it")
    try:
        chain(found)
    except CycleError as error:
        told.append("a circle of imports: " + " -> ".join(reversed(error.args[1])))
    return told


def chain(found: list[Import]) -> list[str]:
    """Find the longest chain of imports; CycleError where there is a circle."""
    graph: dict[str, set[str]] = {}
    for one in found:
        if one.imported.partition(".")[0] == PACKAGE:
            graph.setdefault(one.importer, set()).add(one.imported)
    longest: dict[str, list[str]] = {}
    for module in TopologicalSorter(graph).static_order():
        below = (longest[name] for name in sorted(graph.get(module, ())))
        longest[module] = [module, *max(below, key=len, default=[])]
    return max(longest.values(), key=len)


# ---------------------------------------------------------------------------------- telling


def contents(files: dict[str, Path], floors: list[Layer]) -> dict[str, list[str]]:
    """List the files of each room by their names within it; that of its `__init__` is empty."""
    found: dict[str, list[str]] = {room: [] for floor in floors for room in floor.rooms}
    for module in files:
        room = room_of(module, floors)
        if room is not None:
            found[room].append(module.removeprefix(room).removeprefix(".").replace(".", "/"))
    return found


def text(floors: list[Layer]) -> str:
    """Write the floors as text, for a page that shows no drawing."""
    return "\n".join("   ".join(map(_short, floor.rooms)) for floor in floors)


def _short(room: str) -> str:
    return room.removeprefix(f"{PACKAGE}.")


def report(found: list[Import], files: dict[str, Path], floors: list[Layer]) -> Iterator[str]:
    """Tell, line by line, what stands where."""
    for room, names in contents(files, floors).items():
        yield f"{_short(room):<18}{len(names):>3} files"
    for (start, end), n in sorted(between_rooms(found, floors).items()):
        yield f"{_short(start)} -> {_short(end)}: {n}"
    inside = statements_inside(found, files)
    yield f"{len(inside)} imports inside functions"
    for place, (name, reason) in inside.items():
        yield f"  {place}: {name}  # {reason or 'NO REASON'}"
    links = chain(found)
    yield f"longest chain: {len(links)} modules: {' -> '.join(map(_short, links))}"


def statements_inside(
    found: list[Import], files: dict[str, Path], root: Path = ROOT
) -> dict[str, tuple[str, str]]:
    """Find the import statements inside functions: by place, what they import and why there."""
    return {
        f"{files[one.importer].relative_to(root)}:{one.line}": (one.imported, one.reason)
        for one in found
        if one.is_inside
    }


# ---------------------------------------------------------------------------------- drawing

WIDTH, LEFT, TOP = 560, 12, 30  # of a box, and where the first one stands
LINE, GAP, SPACE = 17, 10, 12  # of text, within a floor, and around one
LETTERS = 78  # in a line of a box
BEND = 0.44  # of an arrow, by its height
STYLE = """
.rooms text { fill: currentColor; font: 12.5px system-ui, sans-serif; }
.rooms .room { font-weight: 600; font-size: 14px; }
.rooms .files { opacity: 0.75; }
.rooms .n { font-size: 11px; text-anchor: middle; stroke-width: 4px; paint-order: stroke;
  stroke: var(--pst-color-background, white); }
.rooms .floor { fill: currentColor; opacity: 0.06; }
.rooms .box { fill: none; stroke: currentColor; opacity: 0.5; }
.rooms .arrow { fill: none; stroke: #0072B2; opacity: 0.55; }
.rooms .tip { fill: #0072B2; }
.rooms .wrong .arrow { stroke: #D32F2F; opacity: 1; }
.rooms .wrong .tip { fill: #D32F2F; }
.rooms g:hover > .arrow { opacity: 1; }
"""


class Box(NamedTuple):
    """Where a room is drawn."""

    lines: list[str]
    top: float
    height: float

    @property
    def middle(self) -> float:
        """Height at which its arrows are."""
        return self.top + self.height / 2


def draw(found: list[Import], files: dict[str, Path], floors: list[Layer]) -> str:
    """Draw the rooms, the uppermost first, and an arrow for the imports between any two, as SVG."""
    boxes, floor_boxes, y = {}, [], float(TOP)
    inside = contents(files, floors)
    for floor in floors:
        begin = y
        for room in floor.rooms:
            names = [name for name in inside[room] if name]
            lines = textwrap.wrap(", ".join(names), LETTERS, break_on_hyphens=False)
            boxes[room] = Box(lines, y, LINE * (1 + len(lines)) + 10)
            y += boxes[room].height + GAP
        floor_boxes.append(
            f'<rect class="floor" x="{LEFT - 6}" y="{begin - 6}" width="{WIDTH + 12}" '
            f'height="{y - begin - GAP + 12}" rx="6"/>'
        )
        y += SPACE
    arrows = sorted(between_rooms(found, floors).items(), key=lambda arrow: arrow[1])
    drawn = [_arrow(boxes, a, b, n, is_wrong(a, b, floors)) for (a, b), n in arrows]
    numbers = [_number(boxes, a, b, n) for (a, b), n in arrows]
    width = LEFT + WIDTH + 40 + 0.75 * BEND * y
    told = "The rooms of fastnn from top to bottom, and the imports between them"
    return "\n".join(
        [
            f'<svg class="rooms" viewBox="0 0 {width:.0f} {y:.0f}" role="img" '
            f'aria-label="{told}" xmlns="http://www.w3.org/2000/svg">',
            f"<style>{STYLE}</style>",
            f'<text x="{LEFT}" y="14">imports point down; a number says how many there are</text>',
            *floor_boxes,
            *(_box(room, box) for room, box in boxes.items()),
            *drawn,
            *numbers,
            "</svg>",
        ]
    )


def _box(room: str, box: Box) -> str:
    texts = [
        f'<text class="files" x="{LEFT + 10}" y="{box.top + LINE * (i + 2)}">{escape(line)}</text>'
        for i, line in enumerate(box.lines)
    ]
    return (
        f'<rect class="box" x="{LEFT}" y="{box.top}" width="{WIDTH}" height="{box.height}" rx="4"/>'
        f'<text class="room" x="{LEFT + 10}" y="{box.top + LINE}">{escape(_short(room))}</text>'
        + "".join(texts)
    )


def _ends(boxes: dict[str, Box], start: str, end: str) -> tuple[float, float, float]:
    """Heights at which an arrow begins and ends, and how far out its control points are."""
    a, b = boxes[start].middle, boxes[end].middle
    apart = 4 if a < b else -4  # so that what comes in is not what goes out
    return a + apart, b - apart, BEND * abs(b - a) + 12


def _arrow(boxes: dict[str, Box], start: str, end: str, n: int, wrong: bool) -> str:
    a, b, out = _ends(boxes, start, end)
    x = LEFT + WIDTH
    return (
        f'<g class="{"wrong" if wrong else "right"}">'
        f"<title>{escape(_short(start))} imports {escape(_short(end))}: {n}</title>"
        f'<path class="arrow" stroke-width="{0.8 + n**0.5 / 3:.1f}" '
        f'd="M{x} {a:.1f}C{x + out:.1f} {a:.1f} {x + out:.1f} {b:.1f} {x + 7} {b:.1f}"/>'
        f'<path class="tip" d="M{x} {b:.1f}l9 -4v8z"/></g>'
    )


def _number(boxes: dict[str, Box], start: str, end: str, n: int) -> str:
    a, b, out = _ends(boxes, start, end)
    return (
        f'<text class="n" x="{LEFT + WIDTH + 0.75 * out:.1f}" y="{(a + b) / 2 + 4:.1f}">{n}</text>'
    )


def main() -> None:
    """Print what there is; status 1 where an import points up or there is a circle."""
    files, floors = modules(), layers()
    found = imports(files)
    wrong = faults(found, floors)
    print(*(wrong or report(found, files, floors)), sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
