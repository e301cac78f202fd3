"""What columns are and how they are read, as lines and as plain values."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from fastnn.cli.voice import count
from fastnn.columns import Column, describe
from fastnn.columns.input_error import shown
from fastnn.columns.text_cells import CellReader
from fastnn.columns.text_reading import Reading

PLURALS = {"number": "numbers", "category": "categories", "date": "dates"}


def columns_of(reader: CellReader, columns: Any) -> list[Column]:
    """Put together what texts were taken for and what became of them, in the file's order.

    Parameters
    ----------
    reader : CellReader
        How the columns are read.
    columns : Columns
        What a model has learnt of those that are not left out.
    """
    learnt = {column.name: column for column in describe(columns)}
    return [
        learnt.get(reading.name) or Column(reading.name, "left out", "", reading.reason, [], [])
        for reading in reader.readings
    ]


def counted(columns: Sequence[Column]) -> dict[str, int]:
    """Count the columns of each kind."""
    counts = Counter(column.kind if column.kind in PLURALS else "left out" for column in columns)
    return {PLURALS.get(kind, kind): counts[kind] for kind in (*PLURALS, "left out")}


def count_lines(columns: Sequence[Column]) -> list[str]:
    """Tell how many columns there are of each kind, and why some are left out."""
    lines = [f"  {kind}: {n}" for kind, n in counted(columns).items() if n and kind != "left out"]
    out = [column for column in columns if column.kind not in PLURALS]
    if out:
        some = ", ".join(f"{shown(column.name)} {column.reason}" for column in out[:10])
        more = f", and {len(out) - 10} more (--columns)" if len(out) > 10 else ""
        lines.append(f"  left out: {len(out)} ({some}{more})")
    return lines


def column_facts(reader: CellReader, columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Tell of each column its kind and how it is read, as plain values."""
    return [_facts(*pair) for pair in zip(reader.readings, columns, strict=True)]


def _facts(reading: Reading, column: Column) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": column.name, "kind": column.kind, "read": _how(reading)}
    if column.levels:
        facts["values"] = len(column.levels)
    if column.reason or reading.reason:
        facts["reason"] = column.reason or reading.reason
    return facts


def _how(reading: Reading) -> str:
    if reading.kind == "number":
        affix = f", {reading.number.affix}" if reading.number.affix else ""
        return f"with {reading.number.decimal!r} for decimals{affix}"
    return {"date": reading.date, "left out": "not at all"}.get(reading.kind, "as it is written")


def column_lines(table: Sequence[dict[str, Any]]) -> list[str]:
    """Lay columns out as lines."""
    width = min(40, max(len(shown(facts["name"])) for facts in table))
    lines = []
    for facts in table:
        values = f"{count(facts['values'], 'value')}, " if "values" in facts else ""
        reason = f" ({facts['reason']})" if "reason" in facts else ""
        lines.append(
            f"{shown(facts['name']):<{width}}  {facts['kind']:<10}  {values}{facts['read']}{reason}"
        )
    return lines
