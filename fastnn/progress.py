"""A live bar of epochs, or of an ensemble's models, as a callback of scikit-learn's kind."""

import multiprocessing
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from sklearn.utils.validation import _num_samples

from fastnn.callbacks import EpochCallback

BAR = 10  # characters; the text beside it needs the others


@dataclass
class _Fit:
    """What is known of a fit under way."""

    max_iter: int  # or models
    line: Any = None  # of the live bar
    began: float = field(default_factory=time.perf_counter)
    first_ended: float = 0.0
    epochs: int = 0
    record: dict[str, Any] = field(default_factory=dict)  # of the last epoch
    told: int = 0  # epochs when a plain line was last printed

    def epoch_ends(self, record: dict[str, Any]) -> None:
        self.epochs += 1
        self.record = record
        if self.epochs == 1:
            self.first_ended = time.perf_counter()

    def parts(self) -> list[str]:
        """Tell where the fit stands: what matters most comes first."""
        known, now = self.record, time.perf_counter()
        # The first epoch may have compiled, so that the others tell the pace where there are any.
        paced = self.epochs > 1
        seconds = (now - (self.first_ended if paced else self.began)) / (self.epochs - paced)
        parts = [known["told"].format(self.max_iter)]
        if known["loss"] is not None:
            parts.append(f"loss {known['loss']:.4g}")
        if known["validation_score"] is not None:
            parts.append(f"score {known['validation_score']:.4f}")
        left = self.max_iter - known["epoch"]
        parts.append(f"{_duration(left * seconds)} left" if left else _duration(now - self.began))
        if known["rows"] is not None:
            parts.append(f"{_short(known['rows'] / max(seconds, 1e-9))} rows/s")
        return parts


class _Bars:
    """The live display of this process: a bar for each fit, whichever thread it is on."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.n_fits = 0
        self.display: Any = None

    def add(self, console: Any) -> Any:
        progress = _rich().progress
        with self.lock:
            if self.n_fits == 0:
                bar = progress.BarColumn(bar_width=BAR)
                text = progress.TextColumn("{task.description}")
                self.display = progress.Progress(bar, text, console=console)
                self.display.start()
            self.n_fits += 1
            return self.display.add_task("starting", total=None)

    def update(self, fit: _Fit) -> None:
        room, text = self.display.console.width - BAR - 2, ""
        for part in fit.parts():
            longer = f"{text}, {part}" if text else part.replace(" of at most ", "/")
            if len(longer) > room:
                break
            text = longer
        self.display.update(
            fit.line, total=fit.max_iter, completed=fit.record["epoch"], description=text
        )

    def remove(self) -> None:
        with self.lock:
            self.n_fits -= 1
            if self.n_fits == 0:
                self.display.stop()
                self.display = None


_bars = _Bars()


class EpochProgress(EpochCallback):
    """Show each epoch's number, loss, score, rows a second and time left on standard error.

    Of an ensemble for tables it shows the models that are trained, the members that are complete,
    and the loss and the score of the rows held out, by the best weights so far.

    On a terminal each fit is one live bar, elsewhere, and in the workers of a process pool, a line
    for every tenth of the epochs and for the last. It needs rich (extra `cli`).

    Examples
    --------
    >>> from fastnn import MLPClassifier
    >>> from fastnn.progress import EpochProgress
    >>> model = MLPClassifier(max_iter=50).set_callbacks(EpochProgress())
    """

    def begin(self, estimator: Any) -> _Fit:
        """Begin the bar of a fit."""
        console, fit = _console(), _Fit(getattr(estimator, "max_iter", 0))
        alone = multiprocessing.parent_process() is None  # two processes would draw over each other
        if console.is_terminal and not console.is_dumb_terminal and alone:
            fit.line = _bars.add(console)
        return fit

    def on_fit_task_end(
        self,
        estimator: Any,
        context: Any,
        *,
        X: Any = None,
        fitted_estimator: Any = None,
    ) -> None:
        """Tell what an epoch has brought."""
        if context.task_name not in ("epoch", "model"):
            return
        fit = self.state_of(estimator, context)
        if context.task_name == "epoch":
            fit.epoch_ends(_record(X, fitted_estimator))
        else:
            fit.max_iter = context.parent.max_subtasks
            fit.epoch_ends(_record_of_models(fit.epochs + 1, fitted_estimator))
        if fit.line is not None:
            _bars.update(fit)
        elif fit.epochs == 1 or fit.record["epoch"] % max(1, fit.max_iter // 10) == 0:
            _print(fit)

    def finish(self, state: _Fit) -> None:
        """End the bar."""
        if state.line is not None:
            _bars.remove()
        elif state.told < state.epochs:
            _print(state)


def _record(X: Any, model: Any) -> dict[str, Any]:
    """Find number, loss, score and rows of the epoch that has ended."""
    scores = getattr(model, "validation_scores_", None)
    return {
        "told": f"epoch {model.n_iter_} of at most {{}}",
        "epoch": model.n_iter_,
        "loss": model.loss_curve_[-1],
        "validation_score": scores[-1] if scores else None,
        "rows": _num_samples(X),
    }


def _record_of_models(n_models: int, ensemble: Any) -> dict[str, Any]:
    """Find members, loss and score when so many models are trained."""
    members = getattr(ensemble, "members_", [])
    told = f", {len(members)} member{'s' * (len(members) > 1)}" if members else ""
    return {
        "told": f"model {n_models} of {{}}{told}",
        "epoch": n_models,
        "loss": getattr(ensemble, "validation_loss_", None),
        "validation_score": getattr(ensemble, "validation_score_", None),
        "rows": None,
    }


def _rich() -> Any:
    import rich.progress  # extra cli, 17 ms; it brings rich.console

    return rich


def _console() -> Any:
    return _rich().console.Console(stderr=True, highlight=False, soft_wrap=True)


def _print(fit: _Fit) -> None:
    _console().print(", ".join(fit.parts()), markup=False)
    fit.told = fit.epochs


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _short(number: float) -> str:
    """Write a number with three digits and, where it is large, k or M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= 0.9995 * size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"
