"""A call by an address, and the arguments of a `Call`."""

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin
from numba.np import arrayobj

from fastnn.compiling.language import call
from fastnn.compiling.lowering.views import fill

# ------------------------------------------------------------------------------------- by address

signatures: set[tuple] = set()  # argument types of all kernels with an address


@infer_global(call)
class _CallTyping(AbstractTemplate):
    """To the compiler: a call that takes what some kernel takes."""

    def generic(self, args: tuple, kws: dict) -> Any:
        # The index of a prange loop is unsigned: any whole number is passed as int64.
        arguments = tuple(types.int64 if isinstance(a, types.Integer) else a for a in args[1:])
        declared = arguments if arguments in signatures else _of_any_order(arguments)
        if kws or declared not in signatures:  # anything else would end the process
            raise TypingError(f"no kernel takes the arguments {arguments}")
        return signature(types.none, types.int64, *declared)


def _of_any_order(arguments: tuple) -> tuple:
    """Let the first matrix be in any order: some kernels take that transposed, too."""
    return tuple(
        a.copy(layout="A") if i == 0 and isinstance(a, types.Array) else a
        for i, a in enumerate(arguments)
    )


@lower_builtin(call, types.Integer, types.VarArg(types.Any))
def _lower_call(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """Call, and do not look for an error: kernels raise none."""
    _, *argument_types = signature.args
    address, *arguments = values
    convention = context.call_conv
    form = convention.get_function_type(types.none, argument_types)
    kernel = builder.inttoptr(address, form.as_pointer())
    convention.call_function(builder, kernel, types.none, argument_types, arguments)
    return context.get_dummy_value()


# ------------------------------------------------------------------------------------ from Python


def runner(result: Any, fixed: tuple, varying: tuple) -> Any:
    """Make what runs a compiled kernel on the two pieces of memory of a `Call`."""

    @intrinsic
    def run(typing_context: Any, packed: Any, more: Any) -> Any:
        def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            read = []
            for place, kinds in zip(values, (fixed, varying), strict=True):
                numbers = _numbers(builder, builder.bitcast(place, WORD.as_pointer()))
                read += [_read(context, builder, kind, numbers) for kind in kinds]
            context.active_code_library.add_linking_library(result.library)
            kernel = context.declare_function(builder.module, result.fndesc)
            convention, kinds = context.call_conv, (*fixed, *varying)
            convention.call_function(builder, kernel, types.none, kinds, read)
            return context.get_dummy_value()

        return signature(types.none, packed, more), lower

    return run


WORD = ir.IntType(64)


def _numbers(builder: Any, first: Any) -> Iterator[Any]:
    """Go through numbers of 64 bits in memory."""
    for index in count():
        yield builder.load(builder.gep(first, [WORD(index)]))


def _read(context: Any, builder: Any, kind: Any, numbers: Iterator[Any]) -> Any:
    """Read an argument as `fastnn.compiling.language.pack` has laid it down."""
    if isinstance(kind, types.BaseTuple):
        parts = [_read(context, builder, part, numbers) for part in kind.types]  # type: ignore[attr-defined]
        return context.make_tuple(builder, kind, parts)
    if isinstance(kind, types.NoneType):
        return context.get_dummy_value()
    number = next(numbers)
    if isinstance(kind, types.Array):
        return _read_array(context, builder, kind, number)
    return builder.bitcast(number, ir.DoubleType()) if kind == types.float64 else number


def _read_array(context: Any, builder: Any, kind: Any, place: Any) -> Any:
    """Read an array from Python's object, whose place this is.

    Behind the header of every object it says where its elements are, how many axes it has, and
    where its shape and its strides are: the first fields of NumPy's PyArrayObject.
    """

    def numbers(place: Any) -> Iterator[Any]:
        return _numbers(builder, builder.inttoptr(place, WORD.as_pointer()))

    header = object.__basicsize__ // 8
    data, _, shape, strides = islice(numbers(place), header, header + 4)
    array = arrayobj.make_array(kind)(context, builder)
    fill(
        context,
        builder,
        array,
        builder.inttoptr(data, array.data.type),
        cgutils.pack_array(builder, list(islice(numbers(shape), kind.ndim))),
        cgutils.pack_array(builder, list(islice(numbers(strides), kind.ndim))),
    )
    return array._getvalue()
