"""Views of flat memory, which to the compiler are a pointer and a shape.

`flat[at : at + n].reshape(...)` counts references and checks bounds and orders: most of what was
compiled, and most of the time of a small step. These only add to a pointer. Their memory belongs to
an argument of the kernel, which outlives them.
"""

from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.imputils import impl_ret_borrowed
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin
from numba.np import arrayobj


def vector(flat: Any, at: int, n: int) -> Any:
    """View n numbers of a C-ordered array's memory, from position `at` on."""
    return flat.reshape(-1)[at : at + n]


def matrix(flat: Any, at: int, m: int, n: int) -> Any:
    """View m n numbers of a C-ordered array's memory as m rows, from position `at` on."""
    return flat.reshape(-1)[at : at + m * n].reshape(m, n)


def block(array: Any, i: int, j: int, m: int, n: int) -> Any:
    """View m rows and n columns of a matrix, from element (i, j) on."""
    return array[i : i + m, j : j + n]


def locked(array: Any) -> Any:
    """View an array as one that is not to be written to: a type of its own to the compiler."""
    view = array.view()
    view.setflags(write=False)
    return view


@infer_global(locked)
class _LockedTyping(AbstractTemplate):
    def generic(self, args: tuple, kws: dict) -> Any:
        return signature(args[0].copy(readonly=True), *args)


@lower_builtin(locked, types.Array)
def _lower_locked(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    return impl_ret_borrowed(context, builder, signature.return_type, values[0])


class _ViewTyping(AbstractTemplate):
    def generic(self, args: tuple, kws: dict) -> Any:
        flat, _, *shape = args
        if not isinstance(flat, types.Array) or flat.layout != "C":
            raise TypingError("views are of C-ordered arrays")
        view = flat.copy(ndim=len(shape))
        return signature(view, flat, *[types.intp] * len(args[1:]))


infer_global(vector)(type("_VectorTyping", (_ViewTyping,), {}))
infer_global(matrix)(type("_MatrixTyping", (_ViewTyping,), {}))


@lower_builtin(vector, types.Array, types.Integer, types.Integer)
@lower_builtin(matrix, types.Array, types.Integer, types.Integer, types.Integer)
def _lower_view(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    flat_type, view_type = signature.args[0], signature.return_type
    value, at, *shape = values
    flat = arrayobj.make_array(flat_type)(context, builder, value)
    view = arrayobj.make_array(view_type)(context, builder)
    itemsize = context.get_constant(
        types.intp, context.get_abi_sizeof(context.get_data_type(view_type.dtype))
    )
    strides = [itemsize]
    for size in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], size))
    arrayobj.populate_array(
        view,
        data=builder.gep(flat.data, [at]),
        shape=cgutils.pack_array(builder, shape),
        strides=cgutils.pack_array(builder, strides),
        itemsize=itemsize,
        meminfo=None,
    )
    return view._getvalue()


@infer_global(block)
class _BlockTyping(AbstractTemplate):
    def generic(self, args: tuple, kws: dict) -> Any:
        return signature(args[0].copy(layout="A"), args[0], *[types.intp] * 4)


@lower_builtin(block, types.Array, *[types.Integer] * 4)
def _lower_block(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    value, i, j, *shape = values
    whole = arrayobj.make_array(signature.args[0])(context, builder, value)
    view = arrayobj.make_array(signature.return_type)(context, builder)
    down, along = cgutils.unpack_tuple(builder, whole.strides)
    offset = builder.add(builder.mul(i, down), builder.mul(j, along))
    arrayobj.populate_array(
        view,
        data=cgutils.pointer_add(builder, whole.data, offset),
        shape=cgutils.pack_array(builder, shape),
        strides=whole.strides,
        itemsize=whole.itemsize,
        meminfo=None,
    )
    return view._getvalue()
