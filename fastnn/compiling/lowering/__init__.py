"""The machine code of calls by address, of views and of matrix products.

=============  ====================================================================================
file           writes
=============  ====================================================================================
``sharing``    a loop handed to other threads
``atomics``    words that several threads read and write
``calls``      a call by address; how the arguments of a `Call` are read
``views``      views of flat memory, and requests for memory to come to the cache
``blas``       a call of BLAS' matrix product
``registers``  a product of a few rows in registers, and the copy of a panel for it
``pairs``      roundings to bfloat16, and products of such numbers
``functions``  outlined functions, which the others put into a module
=============  ====================================================================================

Numba compiles in two steps. Of each call it first asks for types, then for instructions, and both
are registered for the Python function that a kernel names (``intrinsics``):

* **typing** (`numba.extending.type_callable`) takes the types of the arguments and gives the
  signature of the call, ``result(arguments)``, or raises `TypingError`;
* **lowering** (`numba.extending.lower_builtin`) takes the signature and the arguments as values of
  LLVM, and writes the instructions that make the result. Its ``context`` knows how Numba stores
  each type, and its ``builder`` writes.

What LLVM calls what, as llvmlite has it (``ir``):

module
    What is compiled at once: functions and constants. One for each kernel.
value, type
    The result of an instruction, such as an `i64` or a `double*`. A value never changes; memory
    does, by ``store`` and ``load``. A constant is made by its type: ``ir.IntType(64)(3)``.
builder
    Appends instructions where it stands: ``builder.add(a, b)`` adds no numbers, it writes the
    instruction that will. So ``if`` and ``for`` in Python decide here on what is written, and not
    on what happens when it runs; for that there are ``builder.if_then`` and ``cgutils.for_range``.
basic block
    Instructions without a jump in or out between: it ends with the one jump, or with ``ret``. A
    loop is a block that jumps to itself.
phi
    A value at the begin of a block that depends on the block before: of a loop's counter, the start
    where the loop is entered and the next number where it goes around.
gep ("get element pointer")
    A pointer plus a number of elements. It reads nothing.
intrinsic
    A function that LLVM itself knows, such as ``llvm.prefetch`` or ``llvm.fmuladd``.
calling convention
    How arguments and results are handed over. Numba's own returns a status beside the result;
    ``numba_internals`` writes such calls.
vector
    Numbers side by side in one register, added or multiplied by one instruction. Each place is a
    lane, and a shuffle puts the lanes of two vectors into another order.

To see what was written, set ``NUMBA_DUMP_LLVM=1``, or ``NUMBA_DUMP_OPTIMIZED=1`` for what LLVM's
passes make of it, and compile into an empty ``NUMBA_CACHE_DIR``.
"""

from fastnn.compiling.lowering import atomics, blas, pairs, registers, sharing, views  # noqa: F401 their import tells Numba of them
from fastnn.compiling.lowering.calls import accepted, runner

__all__ = ["accepted", "runner"]
