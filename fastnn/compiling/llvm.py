"""LLVM, by llvmlite's binding, which is imported at the first use of a name of it.

An import of fastnn, as of a process that only reads a model's weights, does without.
"""

from functools import cache
from typing import Any

from fastnn.compiling.interrupts import whole_module
from fastnn.compiling.lock import hold_over_forks


def __getattr__(name: str) -> Any:
    return getattr(_binding(), name)


@cache
def _binding() -> Any:
    binding = whole_module("llvmlite.binding")  # 15 ms, and 42 MB of memory
    # It has a lock around each call, of those by Numba's finalizers in any thread, too.
    wrapper = getattr(binding.ffi.lib, "_lock", None)
    if (inner := getattr(wrapper, "_lock", None)) is not None:
        hold_over_forks(inner)
    return binding
