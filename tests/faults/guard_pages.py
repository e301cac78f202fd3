"""An allocator for NumPy's arrays after which lies a page that nothing may touch.

Each array ends at most 15 bytes before that page: to read or write beyond it ends the process,
instead of giving what lies there. `use` asks NumPy for it (C API, "Memory management in NumPy").
"""

import ctypes
import mmap

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_FAILED = ctypes.c_void_p(-1).value
_PAGE, _ALIGNMENT = mmap.PAGESIZE, 16
_SET_HANDLER = 304  # place of PyDataMem_SetHandler in NumPy's table of functions

_pieces = {}  # address of an array's memory to (its first page, bytes of all pages, its own bytes)


def _malloc(_, size):
    pages = -(-max(size, 1) // _PAGE) * _PAGE
    start = _libc.mmap(
        None,
        pages + _PAGE,
        mmap.PROT_READ | mmap.PROT_WRITE,
        mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS,
        -1,
        0,
    )
    if start == _FAILED:
        return None
    _libc.mprotect(start + pages, _PAGE, 0)
    address = start + pages - -(-size // _ALIGNMENT) * _ALIGNMENT
    _pieces[address] = start, pages + _PAGE, size
    return address


def _calloc(_, n, size):
    return _malloc(_, n * size)  # new pages are zero


def _realloc(_, address, size):
    new = _malloc(_, size)
    if new and address:
        ctypes.memmove(new, address, min(size, _pieces[address][2]))
        _free(_, address, 0)
    return new


def _free(_, address, size):
    if address:
        start, n_bytes, _ = _pieces.pop(address)
        _libc.munmap(start, n_bytes)


_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_size_t
_FUNCTIONS = [
    ctypes.CFUNCTYPE(_POINTER, _POINTER, _SIZE)(_malloc),
    ctypes.CFUNCTYPE(_POINTER, _POINTER, _SIZE, _SIZE)(_calloc),
    ctypes.CFUNCTYPE(_POINTER, _POINTER, _POINTER, _SIZE)(_realloc),
    ctypes.CFUNCTYPE(None, _POINTER, _POINTER, _SIZE)(_free),
]


class _Handler(ctypes.Structure):
    """NumPy's PyDataMem_Handler."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", _POINTER),
        ("functions", _POINTER * 4),
    )


_handler = _Handler(
    b"guard pages", 1, None, (_POINTER * 4)(*[ctypes.cast(f, _POINTER) for f in _FUNCTIONS])
)


def use():
    """Let NumPy take the memory of all further arrays from here."""
    from numpy._core import _multiarray_umath as numpy_c

    api = ctypes.pythonapi
    api.PyCapsule_GetPointer.restype = _POINTER
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    api.PyCapsule_New.restype = ctypes.py_object
    api.PyCapsule_New.argtypes = [_POINTER, ctypes.c_char_p, _POINTER]
    table = api.PyCapsule_GetPointer(numpy_c._ARRAY_API, None)
    address = ctypes.cast(table, ctypes.POINTER(_POINTER))[_SET_HANDLER]
    set_handler = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(address)
    set_handler(api.PyCapsule_New(ctypes.addressof(_handler), b"mem_handler", None))
