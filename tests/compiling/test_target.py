"""Which processors machine code is made for."""

import platform
from types import SimpleNamespace

import pytest
from processes import python

from fastnn.compiling import numba_internals, target
from fastnn.compiling.target import LEVELS, Target, level_of, target_of

V3, V4 = (dict.fromkeys(LEVELS[name].needed, True) for name in ("x86-64-v3", "x86-64-v4"))


@pytest.mark.parametrize(
    ("machine", "features", "level"),
    [
        ("x86_64", V4, "x86-64-v4"),
        ("AMD64", V4 | {"avx512bf16": True}, "x86-64-v4"),
        ("x86_64", V3, "x86-64-v3"),
        ("x86_64", V3 | {"avx512f": False}, "x86-64-v3"),
        ("x86_64", V3 | {"avx512f": True}, ""),  # some of AVX-512, as of the first that had it
        ("x86_64", V3 | {"fma": False}, ""),
        ("x86_64", {}, ""),  # a processor that LLVM does not know
        ("aarch64", {"neon": True}, "aarch64"),
        ("arm64", {"neon": True}, ""),  # Apple's
        ("riscv64", {}, ""),
    ],
)
def test_the_highest_level_that_a_processor_has(machine, features, level):
    assert level_of(machine, features) == level


class Features(dict):
    def flatten(self):
        return "+all"


@pytest.mark.parametrize(
    ("features", "setting", "expected"),
    [
        (V3, "", target_of("x86-64-v3")),
        (V4, "", Target("x86-64-v4", "x86-64-v4", "-prefer-256-bit")),
        (
            V4 | {"avx512bf16": True},
            "",
            Target("x86-64-v4", "x86-64-v4", "-prefer-256-bit,+avx512bf16"),
        ),
        (V4, "znver3", Target("", "znver9", "+all")),
        ({"sse2": True}, "", Target("", "znver9", "+all")),
    ],
)
def test_what_is_compiled_for(features, setting, expected, monkeypatch):
    llvm = SimpleNamespace(
        get_host_cpu_features=lambda: Features(features), get_host_cpu_name=lambda: "znver9"
    )
    monkeypatch.setattr(target, "llvm", llvm)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("NUMBA_CPU_NAME", setting)
    assert target.target.__wrapped__() == expected


def test_what_a_program_compiles_of_its_own_stays_for_its_processor():
    from numba.core import config
    from numba.core.registry import cpu_target

    context = cpu_target.target_context
    own, helpers = context.codegen(), context.cached_internal_func
    level = next(iter(target.levels_of(platform.machine())), "")
    with numba_internals.compiling_for(target_of(level)):
        assert context.codegen() is not own
        assert context.codegen().magic_tuple()[2] == target_of(level).features
    assert context.codegen() is own
    assert context.cached_internal_func is helpers
    assert config.CPU_NAME is None


COMPILE = """
    from hashlib import sha256
    import numpy as np
    from fastnn.compiling import compiler, llvm
    from fastnn.compiling.runtime import DTypes, name_on_disk, types_of
    from fastnn.compiling.target import Target
    from fastnn.kernels.outputs import softmax
    from fastnn.kernels.updates import adam
    from fastnn.kernels.products.long_panels import product_in_long_panels

    for kernel in (adam, softmax, product_in_long_panels):
        dtypes = DTypes(np.dtype(np.float32))
        types, name = types_of(kernel, dtypes), name_on_disk(kernel, dtypes)
        target = Target("x86-64-v4", "x86-64-v4", {features!r})
        made = compiler.compiled(kernel, dtypes, types, name, None, target)
        parts = llvm.ObjectFileRef.from_data(made.code).sections()
        texts = [part.data() for part in parts if part.is_text()]
        print(sha256(b"".join(texts)).hexdigest(), sum(map(len, texts)))
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="is compiled for x86-64")
def test_pairs_of_bfloat16_change_no_other_kernel_and_the_width_of_vectors_does():
    def compiled(features):
        return python(COMPILE.format(features=features)).splitlines()

    shipped = compiled("-prefer-256-bit")
    assert compiled("-prefer-256-bit,+avx512bf16") == shipped
    narrow = compiled("")
    assert [a == b for a, b in zip(shipped, narrow, strict=True)][:2] == [False, False]
