"""The compiling room: what kernels are written with, and how they become machine code.

====================  =============================================================================
file                  task
====================  =============================================================================
``language``          decorators of kernels, calls by address, loops for threads: data only
``signatures``        the types of a kernel's arguments, declared as a text
``intrinsics/``       functions that kernels call and whose machine code is written by hand
``runtime``           `address_of` a kernel, and `Call`, by which Python calls one
``packing``           the door: what Python hands over is checked and laid down as numbers
``target``            the processors that machine code is made for
``cache``             machine code on disk, and how it gets into a process
``shipped``           machine code that an installation has brought along
``llvm``              LLVM, which is imported at its first use
``compiler``          Numba, its flags, and how it compiles a kernel
``lowering/``         the machine code of calls by address, of views and of products
``numba_internals``   names of Numba that its documentation does not promise
``interrupts``        Ctrl-C that waits until an import or a compilation is whole
``lock``              one lock around both, for which a fork waits too
``time_spent``        seconds that compiling took, which clocks of fits do not count
====================  =============================================================================

Numba is imported by ``compiler`` and ``lowering/``, where a kernel is not on disk yet, and by
`fastnn.engine.threads`, where one runs on several threads; for these, and to load the machine code
of such a kernel, by ``numba_internals``. Else a process does without.

How arguments cross
-------------------
Machine code takes a `Call`'s arguments from two pieces of memory: one for the first arguments,
which is written once when the `Call` is made, and one for the others, which each call writes. Both
hold numbers of 64 bits in the order of the signature, the fields of a bundle one behind the other:

===============  ==================================================================================
declared         laid down
===============  ==================================================================================
int64, address   the number
float64          its bits
an array         the place of Python's array object; machine code reads from that object where the
                 elements are, and its shape and strides (NumPy's PyArrayObject)
None             nothing
===============  ==================================================================================

A kernel that calls another by address hands over registers and the stack, by Numba's own calling
convention; an array is then a structure of pointer, shape and strides. A kernel returns nothing;
one that Python calls may return a whole number. Kernels raise no errors.

Lifetimes
---------
Machine code owns nothing and counts no references. A `Call` keeps its first arguments alive as long
as it lives itself, and Python keeps the others alive during the call. Views of flat memory
(``intrinsics.views``) live within a kernel, whose argument their memory belongs to. An array must
not be resized in place, nor its shape set, while a call runs. The code itself stays in memory until
the process ends, so that addresses stay valid in whatever bundle they stand.

Threads and forks
-----------------
Calls hold no lock and let other Python threads run. What is compiled, loaded and imported late is
guarded by one lock: threads that ask for a kernel at the same time wait, and find what the first
one made. A fork waits for it too, as Numba's locks and those of imports would stay taken in the
child; loaded code is shared with the parent. A program that compiles functions of its own with
Numba in another thread while it forks has to see to that itself.

What is checked where
---------------------
======================  ===========================================================================
when                    what
======================  ===========================================================================
a kernel is decorated   nothing; a signature may name a bundle that is declared later
an address is asked     signature: known types, as many as arguments, dtypes that kernels take
a kernel is compiled    calls by address: their arguments are those of some declared signature;
                        types that do not cross are refused
code is first loaded    NumPy's array object has its fields where machine code reads them
code is loaded          its function is in it: no address is 0
a `Call` is made,       dtype, axes, order, alignment and writability of arrays; numbers and their
and each time it runs   size; required addresses, which are not 0
by the caller           arrays of `Call.with_checked`, by which rows that few checks let in are
                        predicted
never                   bounds, whether an address in a bundle or a table of functions is of a
                        kernel with the right signature, and whether such a table is whole:
                        `fastnn.engine.bind` builds these
======================  ===========================================================================

Trust
-----
A file in the cache folder is run. Its checksum finds damage, not malice, so that a folder or a file
that belongs to someone else (root aside), or that a group or others can write to, is neither read
nor written: kernels go to a place of the user's own then, and a warning says so. On Windows, whose
rights are others, nobody looks. The folder is named after a digest of every source in this room
and in ``kernels``, of compiler, processor, Python and Numba's settings; a file, after its kernel,
the types of all arguments and the form of the call. What an installation has brought along is
trusted as the sources are, beside which it lies, and its folder is named after less: neither
Numba's version nor Python's has a part in what the code needs when it runs.
"""
