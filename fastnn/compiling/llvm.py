"""LLVM, by llvmlite's binding, which is imported at the first use of a name of it.

An import of fastnn, as of a process that only reads a model's weights, does without.
"""

from functools import cache
from typing import Any

from fastnn.compiling.interrupts import whole_module


def __getattr__(name: str) -> Any:
    return getattr(_binding(), name)


@cache
def _binding() -> Any:
    return whole_module("llvmlite.binding")  # 15 ms, and 42 MB of memory
