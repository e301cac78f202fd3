"""An allocator for NumPy's arrays after which lies a page that nothing may touch.

Each array ends at most 15 bytes before that page: to read or write beyond it ends the process,
instead of giving what lies there. `use` asks NumPy for it (C API, "Memory management in NumPy").
It is machine code, as NumPy frees arrays also while an error is on its way, when no Python can run.
"""

import ctypes
import mmap

from llvmlite import ir
from numba import cfunc, int64, njit, types
from numba.extending import intrinsic

PAGE, ALIGNMENT, HEAD = mmap.PAGESIZE, 16, 16
ACCESS, KIND = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
SET_HANDLER = 304  # place of PyDataMem_SetHandler in NumPy's table of functions

_mmap = types.ExternalFunction("mmap", int64(*[int64] * 6))
_munmap = types.ExternalFunction("munmap", int64(int64, int64))
_mprotect = types.ExternalFunction("mprotect", int64(int64, int64, int64))
_memmove = types.ExternalFunction("memmove", int64(int64, int64, int64))


@intrinsic
def load(typing_context, address):
    def write(context, builder, signature, arguments):
        return builder.load(builder.inttoptr(arguments[0], ir.IntType(64).as_pointer()))

    return int64(int64), write


@intrinsic
def store(typing_context, address, value):
    def write(context, builder, signature, arguments):
        place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        builder.store(arguments[1], place)
        return context.get_dummy_value()

    return types.void(int64, int64), write


@njit(int64(int64))
def bytes_of(size):
    return (size + ALIGNMENT + HEAD + PAGE - 1) // PAGE * PAGE


@njit(int64(int64))
def allocate(size):
    pages = bytes_of(size)
    start = _mmap(0, pages + PAGE, ACCESS, KIND, -1, 0)
    if start == -1:
        return 0
    _mprotect(start + pages, PAGE, 0)
    address = start + pages - (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    store(address - HEAD, start)
    store(address - HEAD + 8, size)
    return address


@njit(types.void(int64))
def release(address):
    if address != 0:
        _munmap(load(address - HEAD), bytes_of(load(address - HEAD + 8)) + PAGE)


@cfunc(int64(int64, int64))
def _malloc(_, size):
    return allocate(size)


@cfunc(int64(int64, int64, int64))
def _calloc(_, n, size):
    return allocate(n * size)  # new pages are zero


@cfunc(int64(int64, int64, int64))
def _realloc(_, address, size):
    new = allocate(size)
    if new != 0 and address != 0:
        _memmove(new, address, min(size, load(address - HEAD + 8)))
        release(address)
    return new


@cfunc(types.void(int64, int64, int64))
def _free(_, address, size):
    release(address)


_POINTER = ctypes.c_void_p


class _Handler(ctypes.Structure):
    """NumPy's PyDataMem_Handler."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", _POINTER),
        ("functions", _POINTER * 4),
    )


_functions = [function.address for function in (_malloc, _calloc, _realloc, _free)]
_handler = _Handler(b"guard pages", 1, None, (_POINTER * 4)(*_functions))


def use():
    """Let NumPy take the memory of all further arrays from here."""
    from numpy._core import _multiarray_umath as numpy_c

    api = ctypes.pythonapi
    api.PyCapsule_GetPointer.restype = _POINTER
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    api.PyCapsule_New.restype = ctypes.py_object
    api.PyCapsule_New.argtypes = [_POINTER, ctypes.c_char_p, _POINTER]
    table = api.PyCapsule_GetPointer(numpy_c._ARRAY_API, None)
    address = ctypes.cast(table, ctypes.POINTER(_POINTER))[SET_HANDLER]
    set_handler = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(address)
    set_handler(api.PyCapsule_New(ctypes.addressof(_handler), b"mem_handler", None))
