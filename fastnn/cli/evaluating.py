"""`fastnn evaluate`: how well a model predicts a file that has the target."""

from pathlib import Path

from fastnn.cli import options
from fastnn.cli.scoring import score_file
from fastnn.cli.voice import Voice, count
from fastnn.tables.models import answering, load


def run(
    model: Path,
    data: Path,
    separator: str | None,
    decimal: str | None,
    encoding: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Score as the options of `fastnn evaluate` say."""
    voice = Voice(quiet, as_json)
    trained = load(model)
    if decimal is not None:
        trained.steps[0] = ("cells", trained.steps[0][1].with_decimal(decimal))
    sign = options.separator(separator)
    with answering(model):
        score = score_file(trained, data, sign, encoding, marks_may_differ=decimal is None)
    for note in score.notes:
        voice.note(note)
    if score.n_without:
        target = trained.steps[0][1].target.name
        have = (
            "row is left out as it has"
            if score.n_without == 1
            else "rows are left out as they have"
        )
        voice.note(f"{score.n_without} {have} no {target!r}")
    for name, value in score.scores.items():
        voice.result(f"{name} on {count(score.n_rows, 'row')}: {value:.4f}")
    voice.facts.update(scores=score.scores, rows=score.n_rows, rows_without_target=score.n_without)
    voice.end()
