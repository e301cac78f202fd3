"""`fastnn show`: what a model is."""

from pathlib import Path
from typing import Any

from fastnn.cli.described import column_facts, column_lines, columns_of
from fastnn.cli.voice import Voice, count
from fastnn.columns.input_error import shown
from fastnn.tables.models import answering, estimator_of, load


def run(model: Path, as_json: bool) -> None:
    """Print a model's task, score, versions and columns."""
    voice = Voice(as_json=as_json)
    trained = load(model)
    with answering(model):
        _tell(voice, trained)
    voice.end()


def _tell(voice: Voice, trained: Any) -> None:
    reader, learnt = trained.steps[0][1], trained.steps[1][1].columns_
    facts, network = reader.training, estimator_of(trained)
    score = facts["score"]
    table = column_facts(reader, columns_of(reader, learnt))
    voice.result(f"{facts['task']} of {shown(facts['target'])}", **facts)
    voice.result(f"learner: {type(network).__name__}", learner=type(network).__name__)
    voice.result(f"{score['name']} on {score['rows']} {score['on']}: {score['value']:.4f}")
    if facts["task"] == "classification":
        labels = [str(label) for label in network.classes_]
        voice.result(f"classes: {', '.join(map(shown, labels[:20]))}", classes=labels)
    voice.result(f"trained on {count(facts['rows'], 'row')} by fastnn {facts['fastnn']}")
    voice.facts["columns"] = table
    for line in column_lines(table):
        voice.result(line)
