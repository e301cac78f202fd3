"""Old places of the classes that saved models name, and old forms of what they hold.

pickle, joblib and skops name a class by its module. Models of format 2 name modules that are
elsewhere now, and hold objects of private classes. The old modules answer from here, and
`plain_state` turns those objects into the dicts of arrays, numbers and texts of format 3.
"""

from __future__ import annotations

import sys
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType

TYPE_CHECKING = False  # as in `fastnn`, which imports this first

if TYPE_CHECKING:
    from typing import Any


class Solver:
    """State of a stochastic solver in format 2."""


class Schedule:
    """Learning-rate schedule in format 2."""


class Resumption:
    """State that `resume` begins with in format 2."""


MODULES = {
    "MLPClassifier": "fastnn.classifier",
    "MLPRegressor": "fastnn.regressor",
    "MLPTransformer": "fastnn.transformer",
    "Solver": "fastnn.solvers",
    "Schedule": "fastnn.schedules",
    "Resumption": "fastnn.record",
}
# Names that skops has to trust in a file of format 2.
OLD_NAMES = {f"{module}.{name}" for name, module in MODULES.items()}


def register(*estimators: str) -> None:
    """Register the old modules, each with its class.

    An entry in `sys.modules` is enough: whoever imports `fastnn.classifier` has Python import
    `fastnn` first, which calls this. The public classes are imported when they are asked for.

    Parameters
    ----------
    *estimators : str
        Names of the public classes.
    """
    package = sys.modules["fastnn"]
    for name in (*estimators, "Solver", "Schedule", "Resumption"):
        module = ModuleType(MODULES[name], f"Old module of `{name}`.")
        module.__spec__ = ModuleSpec(module.__name__, loader=None)  # for importlib.util.find_spec
        if name in estimators:
            module.__getattr__ = partial(_public, module, package)  # type: ignore[method-assign]
        else:
            setattr(module, name, globals()[name])
        sys.modules[module.__name__] = module
        setattr(package, module.__name__.removeprefix("fastnn."), module)


def _public(module: ModuleType, package: ModuleType, name: str) -> Any:
    """Find the class of an old module in the package."""
    if MODULES.get(name) != module.__name__:
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
    return getattr(package, name)


def plain_state(state: dict[str, Any]) -> dict[str, Any]:
    """Convert an estimator's attributes to format 3.

    Parameters
    ----------
    state : dict
        Attributes in format 2 or 3.

    Returns
    -------
    state : dict
        Attributes in format 3: `_optimizer` is `_solver_state`, and it and `_resumption` are dicts.
    """
    state = dict(state)
    if isinstance(state.get("_optimizer"), Solver):
        state["_solver_state"] = _plain_solver(vars(state.pop("_optimizer")))
    if isinstance(state.get("_resumption"), Resumption):
        resumption = vars(state.pop("_resumption"))
        if resumption["random_state"] is not None:  # as a checkpoint of a partial_fit had it
            state["_resumption"] = _plain_resumption(resumption)
    return state


def _plain_solver(solver: dict[str, Any]) -> dict[str, Any]:
    schedule = dict(vars(solver["schedule"]))
    if callable(schedule["name"]):  # the estimator's learning_rate
        schedule["name"] = "callable"
    return {**solver, "schedule": schedule}


def _plain_resumption(resumption: dict[str, Any]) -> dict[str, Any]:
    random_state, last = resumption["random_state"], resumption["last"]
    if isinstance(random_state, tuple):  # RandomState.get_state(legacy=True)
        name, key, pos, has_gauss, gauss = random_state
        random_state = {
            "bit_generator": name,
            "state": {"key": key, "pos": pos},
            "has_gauss": has_gauss,
            "gauss": gauss,
        }
    plain = {"random_state": random_state}
    return plain if last is None else {**plain, "params": last[0], "running": last[1]}
