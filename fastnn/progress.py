"""A live bar of epochs, as a callback of scikit-learn's kind."""

import time
from typing import Any


class EpochProgress:
    """Show each epoch's number, loss, score, rows a second and time left on standard error.

    On a terminal it is one live bar, elsewhere a line for every tenth of the epochs. It needs rich
    (extra `cli`).

    Examples
    --------
    >>> from fastnn import MLPClassifier
    >>> from fastnn.progress import EpochProgress
    >>> model = MLPClassifier(max_iter=50).set_callbacks(EpochProgress())
    """

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin the bar of a fit."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._began, self._epochs = time.perf_counter(), 0
        self._bar: Any = None
        if self._console.is_terminal:
            self._bar = Progress(
                SpinnerColumn(),
                BarColumn(),
                TextColumn("{task.description}"),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._bar.start()
            self._line = self._bar.add_task("", total=estimator.max_iter)

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do nothing: an epoch is told when it ends."""

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, metadata: dict[str, Any] | None = None
    ) -> None:
        """Tell what an epoch has brought."""
        if context.task_name != "epoch" or metadata is None:
            return
        self._epochs += 1
        text = self._describe(metadata)
        if self._bar is not None:
            self._bar.update(self._line, completed=metadata["epoch"], description=text)
        elif self._epochs == 1 or metadata["epoch"] % max(1, metadata["max_iter"] // 10) == 0:
            self._console.print(text)

    def teardown(self, estimator: Any, context: Any) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.stop()
        del self._bar, self._console  # they hold locks and a thread, which cannot be pickled

    def _describe(self, metadata: dict[str, Any]) -> str:
        seconds = max(time.perf_counter() - self._began, 1e-9)
        parts = [
            f"epoch {metadata['epoch']} of at most {metadata['max_iter']}",
            f"loss {metadata['loss']:.4g}",
        ]
        if metadata["validation_score"] is not None:
            parts.append(f"score {metadata['validation_score']:.4f}")
        parts.append(f"{metadata['rows'] * self._epochs / seconds:,.0f} rows/s")
        return ", ".join(parts)
