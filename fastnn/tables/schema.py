"""Read files of skops without skops, limited to what models of `fastnn train` hold.

skops is written for any model, and importing it takes longer than a prediction. A file of its kind
is a ZIP archive of arrays and of `schema.json`, a tree of nodes: numbers and texts, lists, dicts,
arrays, and objects of a class with their attributes. This reader knows a few kinds of nodes and the
classes that it is given; nothing else is imported, called or even looked up.
"""

import importlib
import io
import json
import math
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

MOST_EXPANDED = 20  # times the file's size; skops itself does not compress
LEAST_REFUSED = 1 << 26  # bytes that any file may expand to
LARGEST_SCHEMA = 1 << 28  # bytes; 100000 columns take 30 MB


Node = dict[str, Any]


class SchemaError(ValueError):
    """What is wrong with a file."""


def read(path: Path, classes: Mapping[str, str]) -> Any:
    """Read the object of a file.

    Parameters
    ----------
    path : Path
        Of a file that skops has written.
    classes : mapping of str
        By the names that a file may hold, where each class is imported from.

    Returns
    -------
    model : object
        The object.

    Raises
    ------
    SchemaError
        If the file holds anything else, or is damaged.
    FileNotFoundError
        If there is none.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
            limit = max(LEAST_REFUSED, MOST_EXPANDED * path.stat().st_size)
            if sum(sizes.values()) > limit:
                raise SchemaError(f"unpacks to more than {limit >> 20} MB")
            if sizes.get("schema.json", 0) > LARGEST_SCHEMA:
                raise SchemaError(f"its schema is larger than {LARGEST_SCHEMA >> 20} MB")
            return _Reader(archive, classes).node(json.loads(archive.read("schema.json")))
    except (FileNotFoundError, SchemaError):
        raise
    except Exception as error:  # a damaged file fails in as many ways as it can be damaged
        raise SchemaError(f"{type(error).__name__}: {error}") from error


class _Reader:
    def __init__(self, archive: zipfile.ZipFile, classes: Mapping[str, str]) -> None:
        self._archive, self._classes = archive, classes
        self._known: dict[Any, Any] = {}  # by the number that skops gave them: shared objects

    def node(self, node: Node) -> Any:
        key = node.get("__id__")
        if key is not None and key in self._known:
            return self._known[key]
        reading = _NODES.get(node["__loader__"])
        if reading is None:
            raise SchemaError(f"holds {_name(node)}, which no model of fastnn has")
        value = reading(self, node)
        if key is not None:
            self._known[key] = value
        return value

    def read_text(self, node: Node) -> Any:
        value = json.loads(node["content"])
        if not (value is None or isinstance(value, str | int | float)):
            raise SchemaError("holds a text that is none")
        return value

    def read_list(self, node: Node) -> list:
        self._check(node, "builtins.list")
        return [self.node(item) for item in node["content"]]

    def read_tuple(self, node: Node) -> tuple:
        self._check(node, "builtins.tuple")
        return tuple([self.node(item) for item in node["content"]])

    def read_dict(self, node: Node) -> dict:
        self._check(node, "builtins.dict")
        kinds = [_KEYS[_name(kind)] for kind in node["key_types"]["content"]]
        items = zip(kinds, node["content"].items(), strict=True)
        return {kind(key): self.node(item) for kind, (key, item) in items}

    def read_array(self, node: Node) -> Any:
        name = _name(node)
        if node["type"] == "json":
            self._check(node, "numpy.ndarray")
            items = [self.node(item) for item in node["content"]]
            out = np.empty(len(items), dtype=object)
            out[:] = items
            return out.reshape(self.node(node["shape"]))
        values = _read_array(self._archive.read(node["file"]))
        if name == "numpy.ndarray":
            return values
        kind = getattr(np, node["__class__"], None) if node["__module__"] == "numpy" else None
        if not (isinstance(kind, type) and issubclass(kind, np.generic)) or values.ndim:
            raise SchemaError(f"holds {name}, which no model of fastnn has")
        return kind(values)

    def read_dtype(self, node: Node) -> np.dtype:
        return self.node(node["content"]).dtype

    def read_random_state(self, node: Node) -> np.random.RandomState:
        self._check(node, "numpy.random.mtrand.RandomState")
        held = self.node(node["content"])
        key, pos = held["state"]["key"], held["state"]["pos"]
        if key.shape != (624,) or not 0 <= pos <= 624:  # NumPy itself would read beyond the key
            raise SchemaError("holds a random state that is damaged")
        state = np.random.RandomState()
        state.set_state(held)
        return state

    def read_object(self, node: Node) -> Any:
        name = _name(node)
        if name == GUESSING:
            raise SchemaError(
                "an earlier version made it, which guessed types anew for each file: train it again"
            )
        if name not in self._classes:
            raise SchemaError(f"holds {name}, which no model of fastnn has")
        module = importlib.import_module(self._classes[name])
        cls = getattr(module, node["__class__"])
        instance = cls.__new__(cls)
        if node.get("content") is not None:
            state = self.node(node["content"])
            if not isinstance(state, dict):
                raise SchemaError(f"holds a damaged {name}")
            instance.__setstate__(state)
        return instance

    def _check(self, node: Node, name: str) -> None:
        if _name(node) != name:
            raise SchemaError(f"holds {_name(node)}, which no model of fastnn has")


# What read the columns before the model kept how their cells are read.
GUESSING = "sklearn.compose._column_transformer.ColumnTransformer"

_NODES: dict[str, Callable[[_Reader, Node], Any]] = {
    "JsonNode": _Reader.read_text,
    "ListNode": _Reader.read_list,
    "TupleNode": _Reader.read_tuple,
    "DictNode": _Reader.read_dict,
    "NdArrayNode": _Reader.read_array,
    "DTypeNode": _Reader.read_dtype,
    "RandomStateNode": _Reader.read_random_state,
    "ObjectNode": _Reader.read_object,
}


_KEYS: dict[str, type] = {"builtins.str": str, "builtins.int": int}


def _name(node: Node) -> str:
    return f"{node['__module__']}.{node['__class__']}"


def _read_array(data: bytes) -> np.ndarray:
    """Read an array whose header fits its bytes, so that nothing large is allocated for a lie."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    header = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else (np.lib.format.read_array_header_2_0)
    )
    shape, _, dtype = header(file)
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise SchemaError("holds an array that is damaged")
    file.seek(0)
    return np.load(file, allow_pickle=False)
