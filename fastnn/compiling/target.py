"""What machine code is made for: a level of processors, and not the one at hand.

Code that a wheel ships has to run on processors that its builder has never seen, and to give the
same bits there as code that is compiled there: vectors of another width, or sums of another number
of parts, round otherwise. So kernels are compiled for the highest level that a processor has,
wherever they are compiled.

==========  =============================================================================
level       instructions
==========  =============================================================================
x86-64-v4   AVX-512, as in servers by Intel since 2017 and by AMD since 2022
x86-64-v3   AVX2 and FMA, as in nearly all others since 2013 and 2015
aarch64     NEON, on Linux, which names such processors so; elsewhere there is no level
==========  =============================================================================

The two of x86-64 are those of its psABI, which LLVM knows by these names. Compiled for x86-64-v3 or
for znver3, 18 fits of all kinds gave the same bits on a Zen 3.
"""

import os
import platform
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from fastnn.compiling import llvm


class Target(NamedTuple):
    """Processors that machine code is made for."""

    level: str  # empty where it is this one alone
    cpu: str  # its name and its features, as LLVM takes them
    features: str


class Level(NamedTuple):
    """A level of processors."""

    machine: str  # as Python's `platform` names it
    needed: set[str]  # features of a processor, as LLVM names them
    cpu: str
    features: str


_V2 = {"cx16", "sahf", "crc32", "popcnt", "sse4.2"}
_V3 = _V2 | {"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave"}
_V4 = _V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
# LLVM tunes its x86-64-v4 for the first such processors, which slowed down at vectors of 64 bytes.
LEVELS = {
    "x86-64-v4": Level("x86_64", _V4, "x86-64-v4", "-prefer-256-bit"),
    "x86-64-v3": Level("x86_64", _V3, "x86-64-v3", ""),
    "aarch64": Level("aarch64", {"neon"}, "generic", "+neon"),
}
# What a level lacks, and one kernel needs where it is there: no other uses it.
MORE = {"x86-64-v4": ("avx512bf16",)}


def levels_of(machine: str) -> list[str]:
    """Name the levels of a machine's kind of processors, the highest first."""
    kind = machine.replace("AMD64", "x86_64")  # as Windows names it
    return [name for name, level in LEVELS.items() if level.machine == kind]


def level_of(machine: str, features: Mapping[str, bool]) -> str:
    """Name the level of a processor, empty where it has none.

    The first processors with AVX-512 had a part of it, and no level: vectors of 64 bytes are
    multiplied there, and x86-64-v3 has none.
    """
    for name in levels_of(machine):
        if all(features.get(need, False) for need in LEVELS[name].needed):
            has_more = name == "x86-64-v3" and features.get("avx512f", False)
            return "" if has_more else name
    return ""


@cache
def target() -> Target:
    """Give what this process compiles for; a setting for another processor counts."""
    features = llvm.get_host_cpu_features()
    name = level_of(platform.machine(), features)
    set_by_user = os.environ.get("NUMBA_CPU_NAME") or os.environ.get("NUMBA_CPU_FEATURES")
    if not name or set_by_user:
        return Target("", llvm.get_host_cpu_name(), features.flatten())
    more = [f"+{feature}" for feature in MORE.get(name, ()) if features.get(feature, False)]
    return Target(name, LEVELS[name].cpu, ",".join(filter(None, [LEVELS[name].features, *more])))


def target_of(level: str) -> Target:
    """Give a level's own target, on whatever processor this is."""
    return Target(level, LEVELS[level].cpu, LEVELS[level].features)
