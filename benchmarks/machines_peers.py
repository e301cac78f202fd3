"""Peers of `more_machines.py`: dask-ml's `Incremental`, and PyTorch's DistributedDataParallel."""

import argparse
import importlib.util
import itertools
import socket
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import fastnn

Way = Callable[[], list[float]]


def ways(options: argparse.Namespace, X: np.ndarray, y: np.ndarray, given: Any) -> dict[str, Way]:
    """Ways of those that are installed, each of which gives seconds of epochs."""
    found: dict[str, Way] = {}
    if importlib.util.find_spec("dask_ml"):
        found["dask-ml's Incremental, fastnn"] = lambda: incremental(options, *given)
    if importlib.util.find_spec("torch"):
        found["DistributedDataParallel, gloo"] = lambda: torch_epochs(options, X, y)
    return found


def incremental(options: argparse.Namespace, X: Any, y: Any) -> list[float]:
    """Epochs of `partial_fit`, block after block."""
    from dask_ml.wrappers import Incremental

    units = tuple(options.units)
    model = fastnn.MLPClassifier(units, batch_size=options.batch, random_state=0, n_jobs=1)
    wrapped, seconds = Incremental(model, shuffle_blocks=False), []
    for _ in range(options.epochs):
        began = time.perf_counter()
        wrapped.partial_fit(X, y, classes=[*range(5)])
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def torch_epochs(options: argparse.Namespace, X: np.ndarray, y: np.ndarray) -> list[float]:
    """Epochs of processes of one thread each, which share each mini-batch."""
    import torch.multiprocessing

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    context = torch.multiprocessing.get_context("spawn")
    said = context.SimpleQueue()
    shared = torch.from_numpy(X).share_memory_(), torch.from_numpy(y).share_memory_()
    given = options, port, shared, said
    torch.multiprocessing.spawn(_train, args=given, nprocs=options.workers)
    return said.get()


def _train(rank: int, options: argparse.Namespace, port: int, rows: Any, said: Any) -> None:
    import torch
    from torch import distributed, nn

    torch.set_num_threads(1)
    n, address = options.workers, f"tcp://127.0.0.1:{port}"
    distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=n)
    X, y = rows
    torch.manual_seed(0)
    sizes = [X.shape[1], *options.units]
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    network = nn.parallel.DistributedDataParallel(nn.Sequential(*layers, nn.Linear(sizes[-1], 5)))
    optimizer, loss = torch.optim.Adam(network.parameters()), nn.CrossEntropyLoss()
    seconds = []
    for epoch in range(options.epochs):
        order = torch.randperm(len(X), generator=torch.Generator().manual_seed(epoch))
        began = time.perf_counter()
        for start in range(0, len(X), options.batch):
            own = order[start : start + options.batch][rank::n]
            optimizer.zero_grad()
            loss(network(X[own]), y[own]).backward()
            optimizer.step()
        seconds.append(time.perf_counter() - began)
    if rank == 0:
        said.put(seconds[1:])
    distributed.destroy_process_group()
