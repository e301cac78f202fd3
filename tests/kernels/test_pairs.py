"""The product of numbers rounded to bfloat16, beside NumPy's of rounded numbers."""

import numba
import numpy as np
import pytest
from kernel_forms import compiled, normal, plain
from llvmlite import binding, ir
from numpy.testing import assert_allclose, assert_array_equal
from reference import to_bfloat16

from fastnn.compiling.intrinsics.pairs import PAIR_ROWS, are_multiplied, round_along, round_down
from fastnn.compiling.language import IS_OFF, jit
from fastnn.compiling.lowering import pairs as lowering
from fastnn.kernels.products import pairs

# Without the instruction, and without the JIT, NumPy multiplies.
FORMS = [plain, compiled] if are_multiplied() else [plain]

SHAPES = [
    *[(1, 1, 1), (0, 3, 2), (2, 3, 0), (10, 0, 5)],
    *[(5, 7, 50), (12, 2, 16), (13, 8, 17), (24, 33, 32), (9, 31, 48), (6, 64, 64), (7, 40, 65)],
    *[(31, 16, 100), (25, 20, 130), (40, 7, 33), (3, 100, 200)],
]


@pytest.mark.parametrize("shape", SHAPES)
def test_products_of_rounded_numbers(shape):
    m, k, n = shape
    A, B = normal((m, k), np.float32), normal((k, n), np.float32, 1)
    expected = to_bfloat16(A).astype(float) @ to_bfloat16(B).astype(float)
    transposed = np.ascontiguousarray(B.T)
    for left in (A, np.asfortranarray(A)):
        for right, is_transposed in ((B, 0), (transposed, 1)):
            outs = []
            for form in FORMS:
                around = np.full(m * n + 64, np.nan, np.float32)
                memory = np.full(pairs.room(m, k) + 64, np.nan, np.float32)
                out = around[32 : 32 + m * n].reshape(m, n)
                form(pairs.product_in_pairs)(left, right, out, is_transposed, memory[32:-32])
                assert_allclose(out, expected, rtol=1e-5, atol=1e-6 * (k + 1))
                for beside in (around[:32], around[32 + m * n :], memory[:32], memory[-32:]):
                    assert np.isnan(beside).all()
                outs.append(out)
            assert_array_equal(outs[0], outs[-1])  # the instruction adds in this order


SPECIAL = [
    *[0.0, -0.0, 1.0, -1.5, np.pi, -np.e, 1e-30, 3e38, -3e38, np.inf, -np.inf],
    *[1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8, 1 + 2**-8 + 2**-20],  # ties, and a little more
    *[2.0**-126, 255.5, 256.5, np.finfo(np.float32).max],
]


def words_of(rounding, array, shape):
    results = []
    for form in FORMS:
        words = np.full(shape, np.nan, np.float32)
        form(rounding)(array, words)
        results.append(words.view(np.uint32))
    assert_array_equal(results[0], results[-1])
    return results[0]


@jit
def along(array, words):
    round_along(array, words)


@jit
def down(array, words):
    round_down(array, words)


def test_numbers_are_rounded_to_nearest_and_ties_to_even():
    numbers = np.array([SPECIAL, SPECIAL[::-1], SPECIAL], np.float32)
    expected = to_bfloat16(numbers.astype(float))
    with np.errstate(over="ignore"):
        halves = expected.astype(np.float32).view(np.uint32) >> 16
    words = words_of(along, numbers, (3, 16))
    assert_array_equal(words[:, :9] & 0xFFFF, halves[:, ::2][:, :9])
    assert_array_equal(words[:, :9] >> 16, halves[:, 1::2])
    assert_array_equal(words[:, 9], halves[:, 18])
    assert (words[:, 10:] == 0).all()
    words = words_of(down, numbers, (2, 32))
    assert_array_equal(words[0, :19], halves[0] | halves[1] << 16)
    assert_array_equal(words[1, :19], halves[2])
    assert (words[:, 19:] == 0).all()


def test_nan_stays_nan_and_what_is_too_small_becomes_zero():
    tiny = np.finfo(np.float32).tiny
    nan = np.array([0x7F800001, 0xFFFFFFFF, 0x7FFF8000], np.uint32).view(np.float32)
    numbers = np.array([[*nan, tiny / 2, -tiny / 2]], np.float32)
    words = words_of(along, numbers, (1, 16))[0]
    halves = np.stack([words & 0xFFFF, words >> 16], axis=1).ravel()[:5].astype(np.uint32) << 16
    assert np.isnan(halves[:3].view(np.float32)).all()
    assert_array_equal(halves[3:], [0, 0x80000000])


def test_each_panel_has_its_rows_at_once():
    for n_registers, rows in PAIR_ROWS.items():
        assert pairs.rows_at_once(16 * n_registers) == rows


@pytest.mark.skipif(IS_OFF, reason="nothing is compiled")
def test_nothing_is_compiled_for_a_processor_without_the_instruction(monkeypatch):
    monkeypatch.setattr(lowering, "are_multiplied", lambda: False)
    forms = jit(lambda array, words: round_along(array, words))
    with pytest.raises(numba.TypingError, match="does not multiply bfloat16"):
        compiled(forms)(np.ones((2, 2), np.float32), np.ones((2, 16), np.float32))


@pytest.mark.skipif(IS_OFF or not are_multiplied(), reason="the instruction is not compiled")
def test_float64_has_no_pairs():
    with pytest.raises(numba.TypingError, match="no pairs"):
        compiled(down)(np.ones((2, 2)), np.ones((1, 16)))


def assembly(define, arguments, *how):
    """What LLVM makes of a function for a processor with AVX512_BF16, whichever this one is."""
    module = ir.Module()
    form = ir.FunctionType(ir.VoidType(), arguments)
    define(ir.Function(module, form, "function"), *how)
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    target = binding.Target.from_triple("x86_64-unknown-linux-gnu")
    machine = target.create_target_machine(cpu="cooperlake", opt=3)
    return machine.emit_assembly(binding.parse_assembly(str(module)))


FLOATS, SIZE = ir.FloatType().as_pointer(), ir.IntType(64)


@pytest.mark.parametrize("by_rows", [True, False])
@pytest.mark.parametrize("n_registers", PAIR_ROWS)
def test_a_panel_is_multiplied_by_the_instruction_and_sums_stay_in_registers(n_registers, by_rows):
    arguments = [FLOATS, SIZE, FLOATS, SIZE, FLOATS, SIZE, SIZE, SIZE]
    text = assembly(lowering.define_dot, arguments, n_registers, by_rows)
    lines = [line for line in text.splitlines() if "vdpbf16ps" in line]
    assert len(lines) == n_registers * PAIR_ROWS[n_registers]
    assert all("%zmm" in line for line in lines)
    assert "(%rsp)" not in "".join(line for line in text.splitlines() if "%zmm" in line)


@pytest.mark.parametrize("define", [lowering.define_along, lowering.define_down])
def test_numbers_are_rounded_by_the_instruction(define):
    arguments = [FLOATS, SIZE, SIZE, SIZE, FLOATS, SIZE, SIZE]
    assert "vcvtne2ps2bf16" in assembly(define, arguments)
