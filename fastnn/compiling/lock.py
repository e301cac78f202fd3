"""The lock around compiling and late imports, which no fork cuts through.

A child of a fork has no other threads: what one of them was doing stays half done there, and its
locks stay taken. Python's locks of imports and Numba's of the compiler are such. So a fork waits,
as for `logging`'s lock, until no thread is within this one.
"""

import logging  # noqa: F401  it registers its lock first: a fork takes the last one first, ours
import os
import threading

lock = threading.RLock()

if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(
        before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
    )
