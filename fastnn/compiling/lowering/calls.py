"""A call by an address, and the arguments of a `Call`."""

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

from llvmlite import ir
from numba import TypingError, types
from numba.extending import intrinsic, lower_builtin

from fastnn.compiling.language import call
from fastnn.compiling.lowering.views import fill
from fastnn.compiling.numba_internals import (
    call_at,
    call_compiled,
    cgutils,
    make_array,
    type_variadic,
    value_of,
)

# ------------------------------------------------------------------------------------- by address

accepted: set[tuple] = set()  # argument types of all kernels with an address


def _type_of_call(arguments: tuple) -> Any:
    """Let through a call that takes what some kernel takes; anything else would end the process."""
    kinds = declared(arguments[1:])
    if kinds is None:
        raise TypingError(f"no kernel takes the arguments {arguments[1:]}")
    return types.none(types.int64, *kinds)


type_variadic(call, _type_of_call)


def declared(arguments: tuple) -> tuple | None:
    """Find the declared types that arguments stand for, None where there are none."""
    # Any whole number is passed as int64.
    plain = tuple(types.int64 if isinstance(a, types.Integer) else a for a in arguments)
    if plain in accepted:
        return plain
    for known in accepted:
        if len(known) == len(plain) and all(map(_stands_for, plain, known)):
            return known
    return None


def _stands_for(given: Any, declared: Any) -> bool:
    """Whether an argument is of a type, or an array that is let in as one of any order or to read.

    Such arrays are laid out the same, and Numba converts them by doing nothing.
    """
    if given == declared or not (isinstance(given, types.Array) and type(given) is type(declared)):
        return given == declared
    looser = given.copy(
        layout="A" if declared.layout == "A" else given.layout,
        readonly=not (given.mutable and declared.mutable),
    )
    return looser == declared


@lower_builtin(call, types.Integer, types.VarArg(types.Any))
def _lower_call(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """Call, and do not look for an error: kernels raise none."""
    (_, *kinds), (address, *arguments) = signature.args, values
    call_at(context, builder, address, types.none, kinds, arguments)
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
            value = call_compiled(context, builder, result, (*fixed, *varying), read)
            return WORD(0) if returned == types.none else value

        returned = result.signature.return_type
        if returned not in (types.none, types.int64):
            raise TypingError(f"{returned} does not cross into Python")
        return types.int64(packed, more), lower

    return run


WORD = ir.IntType(64)


def _numbers(builder: Any, first: Any) -> Iterator[Any]:
    """Go through numbers of 64 bits in memory."""
    for index in count():
        yield builder.load(builder.gep(first, [WORD(index)]))


def _read(context: Any, builder: Any, kind: Any, numbers: Iterator[Any]) -> Any:
    """Read an argument as `fastnn.compiling.packing` has laid it down."""
    if isinstance(kind, types.BaseTuple):
        parts = [_read(context, builder, part, numbers) for part in kind.types]  # type: ignore[attr-defined]
        return context.make_tuple(builder, kind, parts)
    if isinstance(kind, types.NoneType):
        return context.get_dummy_value()
    if isinstance(kind, types.Array):
        return _read_array(context, builder, kind, next(numbers))
    if kind == types.float64:
        return builder.bitcast(next(numbers), ir.DoubleType())
    if kind == types.int64:
        return next(numbers)
    raise TypingError(f"{kind} does not cross into machine code")


def _read_array(context: Any, builder: Any, kind: Any, place: Any) -> Any:
    """Read an array from Python's object, whose place this is.

    Behind the header of every object it says where its elements are, how many axes it has, and
    where its shape and its strides are: the first fields of NumPy's PyArrayObject, which
    `fastnn.compiling.runtime.check_array_object` looks at in each process.
    """

    def numbers(place: Any) -> Iterator[Any]:
        return _numbers(builder, builder.inttoptr(place, WORD.as_pointer()))

    header = object.__basicsize__ // 8
    data, _, shape, strides = islice(numbers(place), header, header + 4)
    array = make_array(kind)(context, builder)
    fill(
        context,
        builder,
        array,
        builder.inttoptr(data, array.data.type),
        cgutils.pack_array(builder, list(islice(numbers(shape), kind.ndim))),
        cgutils.pack_array(builder, list(islice(numbers(strides), kind.ndim))),
    )
    return value_of(array)
