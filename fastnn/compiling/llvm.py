"""LLVM, by llvmlite's binding, which is imported at the first use of a name of it.

An import of fastnn, as of a process that only reads a model's weights, does without.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    from llvmlite import binding  # 15 ms, and 42 MB of memory

    return getattr(binding, name)
