"""`fastnn show`: what a model is."""

from pathlib import Path

from fastnn.cli.training import column_facts, column_lines, kinds_of
from fastnn.cli.voice import Voice
from fastnn.columns import describe
from fastnn.columns.text_cells import shown
from fastnn.tables.models import estimator_of, load


def run(model: Path, as_json: bool) -> None:
    """Print a model's task, score, versions and columns."""
    voice = Voice(as_json=as_json)
    trained = load(model)
    reader, encoder = trained.steps[0][1], trained.steps[1][1]
    facts, network = reader.training, estimator_of(trained)
    score = facts["score"]
    table = [column_facts(reader, c) for c in kinds_of(reader, describe(encoder.columns_))]
    voice.result(f"{facts['task']} of {shown(facts['target'])}", **facts)
    voice.result(f"learner: {type(network).__name__}", learner=type(network).__name__)
    voice.result(f"{score['name']} on {score['rows']} {score['on']}: {score['value']:.4f}")
    if facts["task"] == "classification":
        labels = [str(label) for label in network.classes_]
        voice.result(f"classes: {', '.join(map(shown, labels[:20]))}", classes=labels)
    voice.result(f"trained on {facts['rows']} rows by fastnn {facts['fastnn']}")
    voice.facts["columns"] = table
    for line in column_lines(table):
        voice.result(line)
    voice.end()
