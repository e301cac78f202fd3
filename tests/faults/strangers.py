"""Models and tables of strangers, given to `fastnn train` and `fastnn predict`.

``python strangers.py FOLDER SEED N``: each call is that of a child; it ends with status 0 or 2, and
one sentence, within a bound of time and memory, and whatever runs leaves no mark.
"""

import contextlib
import io
import json
import os
import random
import resource
import sys
import zipfile
from pathlib import Path

import forking
import numpy as np
import skops.io
from odd_state import ODD_VALUES

from fastnn.cli import main

FOLDER = Path(sys.argv[1])
RANDOM = random.Random(f"strangers {sys.argv[2]}")
N = int(sys.argv[3])
MARK = FOLDER / "code_of_a_stranger_ran"
TABLE, MODEL, OUT = FOLDER / "table.csv", FOLDER / "model.skops", FOLDER / "out.csv"
MOST_BYTES = 1_200_000_000  # of memory, of which the imports take 300 MB
MOST_CHARACTERS = 2000


def command(*words):
    told = io.StringIO()
    status = 0
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(told):
        try:
            main([str(word) for word in words])
        except SystemExit as stop:
            status = stop.code
    assert status in (0, 2), (status, told.getvalue())
    lines = told.getvalue().replace("\r", "\n").strip().splitlines()
    assert "Traceback" not in told.getvalue()
    if status == 2:
        assert lines[-1].startswith("fastnn: "), lines[-1]
        assert len(lines[-1]) < MOST_CHARACTERS, len(lines[-1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert peak < MOST_BYTES, f"{peak / 1e6:.0f} MB"


def check(what, *words):
    print(what, flush=True)
    assert forking.in_child(command, *words) == 0, what
    assert not MARK.exists(), what


# --------------------------------------------------------------------------------------- models


def edited(schema):
    """Change one leaf of a model's schema, or move one node to another's place."""
    nodes = []

    def collect(node):
        for key in node if isinstance(node, dict) else range(len(node)):
            nodes.append((node, key))
            if isinstance(node[key], dict | list):
                collect(node[key])

    collect(schema)
    node, key = RANDOM.choice(nodes)
    kind = RANDOM.randrange(3)
    if kind == 0:
        other, at = RANDOM.choice(nodes)
        node[key] = json.loads(json.dumps(other[at]))
    elif kind == 1:
        node[key] = RANDOM.choice([None, 0, -1, 10**9, "", "x", "object", "os", "system", [], {}])
    elif isinstance(node, dict):
        del node[key]
    return schema


def rewritten(path, change):
    """Write a model whose files `change` has gone through; returns its path."""
    stranger = FOLDER / "stranger.skops"
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(stranger, "w") as file:
        for name in whole.namelist():
            file.writestr(name, change(name, whole.read(name)))
    return stranger


def fuzzed(name, content):
    if name == "schema.json":
        return json.dumps(edited(json.loads(content)))
    return content


def spoiled(name, content):
    if name.endswith(".npy") and RANDOM.random() < 0.5:
        content = bytearray(content)
        content[RANDOM.randrange(min(len(content), 120))] ^= 1 << RANDOM.randrange(8)
    return bytes(content)


def models():
    for i in range(N):
        change = (fuzzed, spoiled)[i % 4 == 3]
        check(
            f"model {i}, {change.__name__}",
            "predict",
            rewritten(MODEL, change),
            TABLE,
            "--out",
            OUT,
        )
    content = MODEL.read_bytes()
    for i in range(max(2, N // 10)):
        file = FOLDER / "cut.skops"
        file.write_bytes(content[: RANDOM.randrange(len(content))])
        check(f"model cut, {i}", "predict", file, TABLE, "--out", OUT)
    pipeline = skops.io.load(MODEL, trusted=skops.io.get_untrusted_types(file=MODEL))
    network = pipeline.named_steps["network"]
    right = network.coefs_
    for value in [[w.astype(object) for w in right], [w[:, :0] for w in right], *ODD_VALUES]:
        network.coefs_ = value
        file = FOLDER / "odd.skops"
        try:
            skops.io.dump(pipeline, file)
        except Exception:  # nothing that skops can write
            continue
        check(f"coefs_ {value!r:.60}", "predict", file, TABLE, "--out", OUT)
    bomb = FOLDER / "bomb.skops"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr("schema.json", b" " * 1_000_000_000)
    check("a model that unpacks to 1 GB", "predict", bomb, TABLE, "--out", OUT)
    bomb.unlink()


class Mark:
    """Leaves a mark where it is unpickled."""

    def __reduce__(self):
        return os.mkdir, (str(MARK),)


def pickles():
    import pickle

    for name in ("pickle.skops", "pickle.csv", "pickle.parquet"):
        file = FOLDER / name
        file.write_bytes(pickle.dumps(Mark()))
        words = (file, TABLE) if name.endswith(".skops") else (MODEL, file)
        check(name, "predict", *words, "--out", OUT)
    objects = io.BytesIO()
    np.save(objects, np.array([Mark()], dtype=object), allow_pickle=True)
    first = iter([True])
    with_pickle = rewritten(
        MODEL,
        lambda name, content: (
            objects.getvalue() if name.endswith(".npy") and next(first, False) else content
        ),
    )
    check("an array of objects in a model", "predict", with_pickle, TABLE, "--out", OUT)


# --------------------------------------------------------------------------------------- tables

NAMES = ["=1+1", "@x", "<script>alert(1)</script>", "'; DROP TABLE x", "../../etc/passwd", "a\x00b"]
NAMES += [
    "two\nlines",
    '"',
    "",
    " ",
    "é" * 300,
    "x" * 1_000_000,
    "\u202eabc",
    "prediction",
    "{{7*7}}",
]


def tables():
    rows = [(i % 7, "uvw"[i % 3]) for i in range(60)]
    for name in NAMES:
        file, model, page = FOLDER / "t.csv", FOLDER / "t.skops", FOLDER / "t.html"
        quoted = '"' + name.replace('"', '""') + '"'
        lines = [f"{quoted},c", *(f"{number},{text}" for number, text in rows)]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        page.unlink(missing_ok=True)
        model.unlink(missing_ok=True)
        words = ["--target", "c", "--out", model, "--max-iter", 2]
        if set(name) & set("<>\"'{"):  # what a page might take for its own
            words += ["--report", page]
        check(f"a column {name[:20]!r}", "train", file, *words)
        assert not page.exists() or "<script>alert" not in page.read_text(encoding="utf-8")
        if model.exists():
            check(f"a column {name[:20]!r}, predict", "predict", model, file, "--out", OUT)
    for cell in ("x" * 20_000_000, "\x00", "=cmd()", "<b>", '"'):
        quoted = '"' + cell.replace('"', '""') + '"'
        file.write_text("a,c\n" + "".join(f"{n},{t}\n" for n, t in rows) + f"1,{quoted}\n")
        check(
            f"a class {cell[:9]!r}", "train", file, "--target", "c", "--out", model, "--max-iter", 2
        )
        check(
            f"a cell {cell[:9]!r}", "train", file, "--target", "a", "--out", model, "--max-iter", 2
        )
    file.write_text(",".join(f"c{i}" for i in range(5000)) + "\n" + ",".join("1" * 5000) + "\n")
    check("5000 columns, one row", "train", file, "--target", "c1", "--out", model)
    for content in (b"", b"\n", b"\x00" * 1000, os.urandom(5000), b"\xff\xfe", b"a" * 2_000_000):
        file.write_bytes(content)
        check(f"a table of {content[:9]!r}", "train", file, "--target", "c", "--out", model)


if __name__ == "__main__":
    cells = "".join(f"{i % 7},{i % 5},{'xyz'[i % 3]}\n" for i in range(60))
    TABLE.write_text("a,b,c\n" + cells)
    report = FOLDER / "table.html"
    command("train", TABLE, "--target", "c", "--out", MODEL, "--max-iter", 3, "--report", report)
    command("predict", MODEL, TABLE, "--out", OUT)  # what the children need is imported
    pickles()
    models()
    tables()
