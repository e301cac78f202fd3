"""What options say, checked before any work is done."""

from collections.abc import Sequence
from pathlib import Path

from fastnn.columns.input_error import InputError, shown
from fastnn.columns.text_dates import ISO, PARTS, unknown_part
from fastnn.columns.text_reading import Missing
from fastnn.tables.source import STANDARD

SIGNS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "space": " "}


def separator(text: str | None) -> str | None:
    """Read --separator."""
    if text is None:
        return None
    sign = SIGNS.get(text, text)
    if len(sign) != 1 or sign in '"\r\n' or not sign.isascii():
        raise InputError(f"--separator {shown(text)}: give one sign, or 'tab'.")
    return sign


def kinds(texts: Sequence[str]) -> dict[str, str]:
    """Read each --kind COLUMN=KIND."""
    pairs = [text.rpartition("=") for text in texts]
    for text, (name, _, kind) in zip(texts, pairs, strict=True):
        word = kind.partition(":")[0]
        if (
            not name
            or word not in ("number", "category", "date")
            or (":" in kind) > (word == "date")
        ):
            raise InputError(
                f"--kind {shown(text)}: give COLUMN=KIND, where KIND is number, category, date or "
                "date:FORMAT."
            )
        _check_format(text, kind)
    return {name: kind for name, _, kind in pairs}


def _check_format(text: str, kind: str) -> None:
    _, colon, format = kind.partition(":")
    unknown = unknown_part(format) if colon and format != ISO else None
    if unknown is not None:
        told = f"{unknown} is none of" if unknown else "the format has none of"
        raise InputError(
            f"--kind {shown(text)}: {told} the parts of a date, which are {', '.join(PARTS)}."
        )


def missing(words: Sequence[str]) -> Missing:
    """Read each --missing TEXT."""
    return Missing(tuple(words), everywhere=True) if words else Missing()


def units(hidden: str) -> tuple[int, ...]:
    """Read --hidden."""
    try:
        layers = tuple(int(part) for part in hidden.split(","))
    except ValueError:
        layers = (0,)
    if min(layers) < 1:
        raise InputError(f"--hidden {shown(hidden)}: give units a layer as in 100 or 64,32.")
    return layers


def is_plain_network(model: str | None, hidden: str | None, max_iter: int | None) -> bool:
    """Tell whether the plain network is asked for, by name or by what it alone has."""
    own = "--hidden" if hidden is not None else "--max-iter" if max_iter is not None else None
    if model == "tabular" and own:
        raise InputError(f"{own} is of the plain network: leave it out, or set --model mlp.")
    return model == "mlp" or own is not None


def check_name(path: Path, *suffixes: str) -> None:
    """Refuse a name whose ending does not say what is to be written.

    Raises
    ------
    InputError
        If it does not, or its folder does not exist.
    """
    if path == STANDARD and ".csv" in suffixes:
        return
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{path}: the name has to end in {' or '.join(suffixes)}.")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}.")
