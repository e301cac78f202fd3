"""Dropout: a share of a layer's outputs is set to 0, drawn anew for each mini-batch.

The outputs that stay are divided by 1 - rate, so that nothing is left to do for a prediction
(inverted dropout; Srivastava et al., JMLR 15, 2014). Which ones go is a hash of where they stand:
the seed, the step, the layer, the row of the mini-batch and the unit. Nothing is stored, the way
back draws the same, and threads change no bit (counter-based random numbers: Salmon et al., SC11).
The hash is C. Wellons' "lowbias32", applied twice with a key of 32 bits each time.
"""

import numpy as np

from fastnn.compiling.language import interface, jit

# A, D, rate, seed, step, layer, first row; D only on the way back
dropping = interface("T[:, ::1], T[:, ::1], float64, int64, int64, int64, int64")


@jit
def _mix(x):
    x ^= x >> np.uint32(16)
    x = np.uint32(x * np.uint32(0x7FEB352D))
    x ^= x >> np.uint32(15)
    x = np.uint32(x * np.uint32(0x846CA68B))
    return np.uint32(x ^ (x >> np.uint32(16)))


@jit
def _keys(seed, step, layer):
    """Two keys of 32 bits for a layer in a step."""
    low, high = np.uint32(seed & 0xFFFFFFFF), np.uint32((seed >> 32) & 0xFFFFFFFF)
    first = _mix(np.uint32(low ^ _mix(np.uint32(step & 0xFFFFFFFF))))
    second = _mix(np.uint32(high ^ _mix(np.uint32(layer + 1))))
    return first, np.uint32(second ^ first)


@jit
def _stays(first, second, position, bar):
    return _mix(np.uint32(_mix(np.uint32(np.uint32(position) ^ first)) ^ second)) >= bar


@dropping
def drop(A, D, rate, seed, step, layer, first_row):
    zero, scale = A.dtype.type(0), A.dtype.type(1 / (1 - rate))
    bar, (one, two) = np.uint32(rate * 2.0**32), _keys(seed, step, layer)
    for i in range(A.shape[0]):
        row = (first_row + i) * A.shape[1]
        for j in range(A.shape[1]):
            A[i, j] = A[i, j] * scale if _stays(one, two, row + j, bar) else zero


@dropping
def undrop(A, D, rate, seed, step, layer, first_row):
    """dA of what stays is scaled too, and A is as it was, for the activation's derivative."""
    zero, scale, back = A.dtype.type(0), A.dtype.type(1 / (1 - rate)), A.dtype.type(1 - rate)
    bar, (one, two) = np.uint32(rate * 2.0**32), _keys(seed, step, layer)
    for i in range(A.shape[0]):
        row = (first_row + i) * A.shape[1]
        for j in range(A.shape[1]):
            D[i, j] = D[i, j] * scale if _stays(one, two, row + j, bar) else zero
            A[i, j] *= back
