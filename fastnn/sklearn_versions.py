"""What differs between the versions of scikit-learn, 1.6 to 1.9; no other module looks at them.

Before 1.9 there is no `sklearn.callback`. What estimators need of it stands here, by the same
protocol: the hooks of a callback get the same arguments at the same times, and may stop a fit. A
meta-estimator of those versions passes no callbacks on, so tasks are not merged with its own.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, wraps
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import sklearn
from sklearn.utils.validation import _check_sample_weight

VERSION = tuple(int(part) for part in re.findall(r"\d+", sklearn.__version__)[:2])


def check_sample_weight(sample_weight: Any, X: Any) -> np.ndarray:
    """Check weights as scikit-learn does, which before 1.9 lets weights pass that are all zero."""
    weights = _check_sample_weight(sample_weight, X)
    if VERSION < (1, 9) and not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


# ---------------------------------------------------------------------------------- callbacks

# Where scikit-learn keeps callbacks on an estimator, and what it keeps there during a fit.
CALLBACKS = ("_skl_callbacks", "_parent_callback_ctx")
OF_A_FIT = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")

HOOKS = ("setup", "on_fit_task_begin", "on_fit_task_end", "teardown")
TOLD = {"X", "y", "metadata", "fitted_estimator"}  # what a hook may ask for, by keyword


@cache
def _asked_for(hook: Callable) -> list[str]:
    """Names of the keyword-only parameters of a hook."""
    parameters = inspect.signature(hook).parameters.values()
    names = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    if wrong := set(names) - TOLD:
        raise TypeError(f"{hook.__qualname__} asks for {wrong}: a hook may have {sorted(TOLD)}.")
    return names


@dataclass(eq=False, repr=False)
class _CallbackContext:
    """A task of a fit: the fit itself or, within it, an epoch. `sklearn.callback` tells of each."""

    estimator_name: str
    callbacks: list[Any]
    task_name: str
    task_id: int
    max_subtasks: int | None
    sequential_subtasks: bool = True
    parent: "_CallbackContext | None" = None
    root_uuid: UUID = field(default_factory=uuid4)
    init_time: datetime = field(default_factory=lambda: datetime.now(UTC))
    source_estimator_name: None = None
    source_task_name: None = None
    children: list["_CallbackContext"] = field(default_factory=list)

    def __iter__(self) -> Iterator["_CallbackContext"]:
        yield self
        for child in self.children:
            yield from child

    def __repr__(self) -> str:
        return (
            f"CallbackContext(estimator_name={self.estimator_name!r}, "
            f"task_name={self.task_name!r}, task_id={self.task_id})"
        )

    def subcontext(self, task_name: str = "", max_subtasks: int | None = 0) -> "_CallbackContext":
        """Open the next task within this one."""
        child = _CallbackContext(
            self.estimator_name,
            self.callbacks,
            task_name,
            len(self.children),
            max_subtasks,
            parent=self,
            root_uuid=self.root_uuid,
        )
        self.children.append(child)
        return child

    def call_on_fit_task_begin(self, *, estimator: Any, **told: Any) -> "_CallbackContext":
        """Tell the callbacks that this task begins."""
        self._call("on_fit_task_begin", estimator, **told)
        return self

    def call_on_fit_task_end(self, *, estimator: Any, **told: Any) -> bool:
        """Tell the callbacks that this task has ended; returns whether one asks to stop."""
        return self._call("on_fit_task_end", estimator, **told)

    def _call(
        self,
        name: str,
        estimator: Any,
        reconstruction_attributes: Callable[[], dict[str, Any]] | None = None,
        **told: Any,
    ) -> bool:
        stops = False
        for callback in self.callbacks:
            hook = getattr(callback, name)
            names = _asked_for(getattr(hook, "__func__", hook))
            if "fitted_estimator" in names and "fitted_estimator" not in told:
                told["fitted_estimator"] = _fitted(estimator, reconstruction_attributes)
            stops |= bool(hook(estimator, self, **{key: told.get(key) for key in names}))
        return stops


def _fitted(estimator: Any, attributes: Callable[[], dict[str, Any]] | None) -> Any:
    """Copy an estimator, and give the copy the attributes of a fitted one."""
    if attributes is None:
        return None
    copied = copy(estimator)
    vars(copied).update(attributes())
    return copied


class _CallbackSupportMixin:
    """Lets an estimator have callbacks."""

    def set_callbacks(self, *callbacks: Any) -> Any:
        """Set callbacks for the estimator.

        Parameters
        ----------
        *callbacks : callback instances
            The callbacks to set.

        Returns
        -------
        self : estimator instance
            The estimator instance itself.
        """
        for callback in callbacks:
            has_hooks = all(callable(getattr(callback, name, None)) for name in HOOKS)
            if isinstance(callback, type) or not has_hooks:
                raise TypeError("callbacks must be instances following the FitCallback protocol.")
        if callbacks:
            self._skl_callbacks = list(callbacks)
        else:
            vars(self).pop("_skl_callbacks", None)
        return self

    def __sklearn_clone__(self) -> Any:
        copied = super().__sklearn_clone__()  # type: ignore[misc]
        if hasattr(self, "_skl_callbacks"):
            copied._skl_callbacks = self._skl_callbacks
        return copied

    def _init_callback_context(
        self, task_name: str = "fit", max_subtasks: int | None = 0
    ) -> _CallbackContext:
        """Open the task of a fit, and set up the callbacks."""
        callbacks = getattr(self, "_skl_callbacks", [])
        name = type(self).__name__
        context = _CallbackContext(name, callbacks, task_name, 0, max_subtasks)
        self._callback_fit_ctx = context
        self._skl_callbacks_to_teardown: list[Any] = []
        for callback in callbacks:
            self._skl_callbacks_to_teardown.append(callback)  # also where its setup fails
            callback.setup(estimator=self, context=context)
        return context


def _with_callbacks(method: Callable) -> Callable:
    """Decorate a method that fits, so that callbacks are torn down whatever happens."""

    @wraps(method)
    def fits(estimator: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(estimator, *args, **kwargs)
        finally:
            if "_callback_fit_ctx" in vars(estimator):
                _tear_down(estimator)

    return fits


def _tear_down(estimator: Any) -> None:
    context, callbacks = (vars(estimator).pop(name) for name in OF_A_FIT)
    errors = []
    for callback in callbacks:
        try:
            callback.teardown(estimator=estimator, context=context)
        except Exception as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ExceptionGroup("The following callback teardown errors occurred", errors)


try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:
    CallbackSupportMixin, with_callbacks = _CallbackSupportMixin, _with_callbacks
