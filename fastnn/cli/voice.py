"""What a command says: results on standard output, notes and progress on standard error."""

import json
import math
from dataclasses import dataclass, field
from typing import Any

import click


@dataclass
class Voice:
    """Says results and notes, as a person or a script wants them.

    Attributes
    ----------
    quiet : bool
        Whether notes and progress are left out.
    as_json : bool
        Whether results are one JSON object, written at the end.
    facts : dict
        What it will hold.
    """

    quiet: bool = False
    as_json: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    def note(self, text: str) -> None:
        """Tell something beside the results."""
        if not self.quiet:
            click.echo(text, err=True)

    def result(self, text: str, **facts: Any) -> None:
        """Tell a result, and as facts for JSON."""
        self.facts.update(facts)
        if not self.as_json:
            click.echo(text)

    def end(self) -> None:
        """Write the JSON object, if one is wanted."""
        if self.as_json:
            click.echo(json.dumps(_without_nan(self.facts), ensure_ascii=False, allow_nan=False))


def _without_nan(value: Any) -> Any:
    """Put null in the place of what JSON has no word for."""
    if isinstance(value, dict):
        return {key: _without_nan(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(held) for held in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def count(n: int, what: str) -> str:
    """Write a number of things, of which there may be one alone."""
    return f"{n} {what}{'s' * (n != 1)}"
