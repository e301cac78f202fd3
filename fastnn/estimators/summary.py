"""A network in words: its layers, shapes, functions and counts of parameters."""

from fastnn.network import Architecture, Network

HEAD = ("layer", "units", "weights", "function", "parameters")


def summary(network: Network, architecture: Architecture) -> str:
    """Make a table of the layers, one line each, with the sum of parameters at its foot."""
    rows: list[tuple] = [HEAD, ("input", network.units[0], "", "", 0)]
    functions = [*_hidden_functions(architecture), architecture.output]
    for l, (W, b) in enumerate(zip(network.coefs, network.intercepts, strict=True)):
        is_last = l == len(network.coefs) - 1
        learned = 2 * b.size if network.scales and not is_last else 0
        name = "output" if is_last else f"hidden {l}"
        weights = f"{W.shape[0]} x {W.shape[1]}"
        rows.append((name, b.size, weights, functions[l], W.size + b.size + learned))
    rows.append(("", "", "", "in all", network.params.size))
    return "\n".join(_line(row, rows) for row in rows)


def _hidden_functions(architecture: Architecture) -> list[str]:
    functions = []
    for name, share in zip(architecture.activations, architecture.dropout, strict=True):
        steps = [f"{architecture.normalization} norm"] if architecture.normalization else []
        steps += [name, f"dropout {share:g}"] if share else [name]
        functions.append(", ".join(steps))
    return functions


def _line(row: tuple, rows: list[tuple]) -> str:
    """One row, its numbers to the right and its words to the left."""
    cells = []
    for value, column in zip(row, zip(*rows, strict=True), strict=True):
        width = max(len(_text(other)) for other in column)
        is_number = isinstance(column[1], int)
        cells.append(f"{_text(value):{'>' if is_number else '<'}{width}}")
    return "  ".join(cells).rstrip()


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
