"""One fit on several machines: the workers of a Dask cluster share each mini-batch.

What a fit is made of
---------------------
The client, where `fit` is called, goes through the epochs as for any source of blocks: it draws
the initial weights, knows the order of rows, judges validation rows, calls callbacks and decides
when to stop. Only steps are taken elsewhere. It sends each worker the same *command*, a Dask task
that takes the steps of the next second or so, and gets back the parameters and the state of the
solver, which are the same bytes on all workers.

A worker has a *member* of the fit. It has the rows, or a window of them, the parameters, and a
listening socket on the address that the scheduler knows it by. Of each mini-batch it computes the
gradients of its own shards. The sums of these go up a tree over the workers and the sum of all
comes down again (`exchange`), by sockets between the workers. Then each takes the same step.

Why the bits are the same
-------------------------
The order of rows follows from the blocks, the seed and counters (`fastnn.sources.windows`). Shards
are cut by the number of rows alone, and their gradients are added by a tree over the numbers of
the shards (`fastnn.engine.tree`), of which each worker adds up what it can. Nothing depends on how
many workers there are, on their threads, or on who was there when.

Why a death changes nothing
---------------------------
Each formation of the workers has a number, its *generation*. When a worker is lost, the others see
their connection end, the client forms a new generation of those that are left, gives it the state
at the end of the last command, and sends the same command again. It waits ten seconds for a worker
where there is none, and then raises `WorkersLostError`, whose `checkpoint` resumes.

Why nothing stays behind
------------------------
A member lives as long as the scheduler wants the result of the task that made it, and looks each
second whether it does: when the client has gone, by an interrupt or a kill, its sockets are closed
and its memory is freed. No wait on a socket is longer than `SILENCE`.

Ensembles for tables
--------------------
Their models depend on each other in nothing, so no step is shared: each is one Dask task, and the
rows are sent to all workers once (`crew`). They are in memory: a sample of a collection that is
larger (`sampled`).

Who may connect
---------------
Each fit has a token of its own, which travels by Dask's own connections. A stranger who does not
prove by an HMAC to have it is not answered (`connections`). Where the cluster uses TLS, so do
these connections. What is sent by them are numbers of a known count, never pickles.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastnn.dask.ensembles import DaskTabularClassifier, DaskTabularRegressor
    from fastnn.dask.errors import WorkersLostError
    from fastnn.dask.estimators import DaskMLPClassifier, DaskMLPRegressor

__all__ = [
    "DaskMLPClassifier",
    "DaskMLPRegressor",
    "DaskTabularClassifier",
    "DaskTabularRegressor",
    "WorkersLostError",
]

_PLACES = {
    "DaskMLPClassifier": "fastnn.dask.estimators",
    "DaskMLPRegressor": "fastnn.dask.estimators",
    "DaskTabularClassifier": "fastnn.dask.ensembles",
    "DaskTabularRegressor": "fastnn.dask.ensembles",
    "WorkersLostError": "fastnn.dask.errors",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module 'fastnn.dask' has no attribute {name!r}")
    value = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value
