"""Machine code for the package to bring along: what fits and predictions by default need.

``python -m fastnn.engine.shipping FOLDER`` compiles it when the package is built (``setup.py``),
for each level of processors of this machine's kind; it need not be of that level itself.
"""

import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fastnn.compiling import compiler, shipped
from fastnn.compiling.intrinsics import blas as libraries
from fastnn.compiling.language import Kernel
from fastnn.compiling.runtime import DTypes, name_on_disk, types_of
from fastnn.compiling.target import levels_of, target_of
from fastnn.engine import bind  # noqa: F401  which knows all kernels: each may be called by others
from fastnn.kernels import backprop, embeddings, epoch, hidden, prediction, sharing, trees, updates
from fastnn.kernels.activations import ACTIVATIONS
from fastnn.kernels.dropout import drop, undrop
from fastnn.kernels.losses import LOSSES
from fastnn.kernels.outputs import OUTPUT_ACTIVATIONS
from fastnn.kernels.products import blas, long_panels, panels, strips

PRODUCTS = {  # that are chosen on processors of a level, by whichever BLAS
    "x86-64-v4": (strips.product_in_strips, long_panels.product_in_long_panels),
    "x86-64-v3": (panels.product_in_panels,),
    "aarch64": (blas.product,),
}


class Form(NamedTuple):
    """A kernel, and how it is compiled."""

    kernel: Kernel
    dtypes: DTypes
    n_fixed: int | None = None  # arguments that a `Call` lays down beforehand


def forms(level: str) -> list[Form]:
    """List what one thread needs to fit and predict by default, from dense data."""
    single, double = np.dtype(np.float32), np.dtype(np.float64)
    plain = [*_of_networks(level, single), *_of_networks(level, double)]
    return [*plain, *_of_tables(single, double)]


def _of_networks(level: str, dtype: np.dtype) -> Iterator[Form]:
    """Of `MLPClassifier` and `MLPRegressor`, in a precision."""
    alone, of_data = DTypes(dtype), DTypes(dtype, dtype)
    relu, adam = ACTIVATIONS["relu"], updates.update_of("adam")
    functions = [relu.function, relu.derivative, adam.rates, adam.update, *PRODUCTS[level]]
    functions += [OUTPUT_ACTIVATIONS[name] for name in ("softmax", "logistic", "identity")]
    losses = ("log_loss", "binary_log_loss", "squared_error")
    functions += [LOSSES[name].kernel for name in losses]
    functions += [updates.combine_block, updates.step_block, epoch.block_loop]
    yield from (Form(kernel, alone) for kernel in functions)
    yield Form(sharing.assist, alone, 3)
    passes = [backprop.forward, backprop.loss_gradient, epoch.shard_gradient]
    yield from (
        Form(kernel, of_data) for kernel in [*passes, epoch.shard_loop, prediction.prediction_loop]
    )
    yield Form(epoch.train_steps, of_data, 8)
    yield Form(prediction.predict_rows, of_data, 6)
    yield Form(prediction.predict_at_once, of_data, 6)
    yield Form(prediction.losses_of_rows, alone, 3)  # with early stopping


def _of_tables(single: np.dtype, double: np.dtype) -> Iterator[Form]:
    """Of `TabularClassifier` and `TabularRegressor` what is not above: trained in float32."""
    mish, adamw = ACTIVATIONS["mish"], updates.update_of("adamw")
    both = [mish.function, hidden.hidden_forward, hidden.bend]
    for dtype in (single, double):
        yield from (Form(kernel, DTypes(dtype)) for kernel in both)
        yield Form(embeddings.embed, DTypes(dtype, dtype))
    training = [mish.derivative, hidden.hidden_backward, hidden.unbend, drop, undrop]
    training += [adamw.rates, adamw.update, LOSSES["smoothed_log_loss"].kernel]
    yield from (Form(kernel, DTypes(single)) for kernel in training)
    yield Form(embeddings.embed_backward, DTypes(single, single))
    yield Form(trees.tree_loop, DTypes(double))
    yield Form(trees.add_trees, DTypes(double), 2)
    yield Form(trees.look_up, DTypes(double), 1)


def compile_for(level: str, root: str) -> None:
    """Compile for a level, into a folder of its own, which is there only whole."""
    libraries.add_symbols()
    target, made = target_of(level), {}
    for kernel, dtypes, n_fixed in forms(level):
        name, types = name_on_disk(kernel, dtypes, n_fixed), types_of(kernel, dtypes)
        if name not in made:
            made[name] = compiler.compiled(kernel, dtypes, types, name, n_fixed, target)
    for name, code in made.items():
        shipped.write(shipped.folder_for(level, Path(root)), name, code)


def compile_all(root: str) -> int:
    """Compile for each level of this machine's kind; returns how many of them failed.

    Each has a process of its own, as Numba keeps what it has compiled.
    """
    program = [sys.executable, "-m", __spec__.name, root]
    processes = [subprocess.Popen([*program, level]) for level in levels_of(platform.machine())]
    return sum(process.wait() != 0 for process in processes)


if __name__ == "__main__":
    folder, *of = sys.argv[1:]
    if of:
        compile_for(of[0], folder)
    else:
        sys.exit(compile_all(folder))
