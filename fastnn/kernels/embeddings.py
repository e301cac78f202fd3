"""The embedding of a table's row: numbers and categories become the vector that layer 0 takes.

With x a number of the row, scaled, and c the code of a category, from 0 on::

    [ x_1 ... x_p | plain columns | waves of x_1 ... waves of x_p | row c of table_1 | ... ] * scale

    waves of x = V cos(2 pi (f x + g)) + h

Each number has frequencies f and phases g of its own, F of them, and V and h, which make `n_waves`
numbers of the cosines (periodic embeddings: Gorishniy et al., arXiv:2203.05556; in this form, with
x beside them, PBLD: Holzmueller et al., arXiv:2407.04491). Phases are counted in turns. All of
these, the tables and the scale are learnt.

A column of numbers is gone through for a whole tile of rows, so that vector registers hold rows: a
row's few frequencies would leave them half empty, and each wave to be summed up within one.

`layers.embedding` says where: its first `HEADER` entries are the names below, and behind them stand
for each category the position of its table in the tables, in rows.
"""

from fastnn.compiling.intrinsics.views import matrix, vector
from fastnn.compiling.language import interface, jit
from fastnn.kernels.elementary import cos_turns

(
    NUMBERS,  # columns of numbers, which come first
    PLAIN,  # columns that are taken as they are, and come next
    CATEGORIES,  # columns of codes
    FREQUENCIES,  # of a number
    WAVES,  # numbers that they make
    TABLE_WIDTH,  # numbers of a category
    TABLE_ROWS,  # of all tables together
    AT,  # position of the first frequency in params; what else is learnt stands behind
) = range(8)
HEADER = 8

FOR_WAVES = 3
"""Columns of a tile's rows that the kernels keep beside one for each wave: x and two more."""


@jit
def value_at(sample, row, j):
    return sample.values[row * sample.row_stride + j * sample.column_stride]


@jit
def positions(e):
    """Where frequencies, phases, V, h, tables and scale begin in params."""
    p, n_frequencies = e[NUMBERS], e[NUMBERS] * e[FREQUENCIES]
    phases = e[AT] + n_frequencies
    mix = phases + n_frequencies
    shift = mix + n_frequencies * e[WAVES]
    tables = shift + p * e[WAVES]
    return e[AT], phases, mix, shift, tables, tables + e[TABLE_ROWS] * e[TABLE_WIDTH]


@jit
def copy_row(sample, row, e, params, u):
    """Fill in of an embedded row what is no wave: numbers, plain columns, rows of tables."""
    n_taken, at, width = e[NUMBERS] + e[PLAIN], positions(e)[4], e[TABLE_WIDTH]
    for j in range(n_taken):
        u[j] = u.dtype.type(value_at(sample, row, j))
    behind = n_taken + e[NUMBERS] * e[WAVES]
    for j in range(e[CATEGORIES]):
        code = int(value_at(sample, row, n_taken + j))
        learnt = vector(params, at + (e[HEADER + j] + code) * width, width)
        for w in range(width):
            u[behind + j * width + w] = learnt[w]


@interface(
    "Sample, readonly int64[::1], readonly int64[::1], readonly T[::1], T[::1], T[:, ::1], "
    "T[:, ::1]"
)
def embed(sample, rows, e, params, scratch, U, A):
    """U, the embedded rows, and A = U * scale; `scratch` is columns of so many rows."""
    p, n_waves, F, (n, E) = e[NUMBERS], e[WAVES], e[FREQUENCIES], U.shape
    frequencies, phases, mix, shift, _tables, scales = positions(e)
    x, cosines = vector(scratch, 0, n), vector(scratch, n, n)
    waves = matrix(scratch, 2 * n, n_waves, n)
    for i in range(n):
        copy_row(sample, rows[i], e, params, vector(U, i * E, E))
    for j in range(p):
        at = p + e[PLAIN] + j * n_waves
        for i in range(n):
            x[i] = U[i, j]
        for w in range(n_waves):
            for i in range(n):
                waves[w, i] = params[shift + j * n_waves + w]
        for k in range(F):
            f, g = params[frequencies + j * F + k], params[phases + j * F + k]
            for i in range(n):
                cosines[i] = cos_turns(f * x[i] + g)
            for w in range(n_waves):
                v = params[mix + (j * n_waves + w) * F + k]
                for i in range(n):
                    waves[w, i] += v * cosines[i]
        for w in range(n_waves):
            for i in range(n):
                U[i, at + w] = waves[w, i]
    scale = vector(params, scales, E)
    for i in range(n):
        u, a = vector(U, i * E, E), vector(A, i * E, E)
        for j in range(E):
            a[j] = u[j] * scale[j]


@interface(
    "Sample, readonly int64[::1], readonly int64[::1], readonly T[::1], T[::1], T[:, ::1], "
    "T[:, ::1], T[::1]"
)
def embed_backward(sample, rows, e, params, scratch, U, D, gradient):
    """The derivatives by all that the embedding learns, from D = dA, which it changes to dU.

    `scratch` holds columns of so many rows: x, the cosines of one of its frequencies, the
    derivatives by these, and those by each of the waves of x.
    """
    E, (tables, scales) = U.shape[1], positions(e)[4:]
    vector(gradient, tables, scales + E - tables)[:] = 0
    scale_backward(vector(params, scales, E), U, D, vector(gradient, scales, E))
    for j in range(e[NUMBERS]):
        waves_backward(j, e, params, scratch, U, D, gradient)
    tables_backward(sample, rows, e, D, gradient)


@jit
def scale_backward(scale, U, D, dscale):
    """The derivatives by the scale, which are added, and from D = dA to dU."""
    n, E = U.shape
    for i in range(n):
        d, u = vector(D, i * E, E), vector(U, i * E, E)
        for j in range(E):
            dscale[j] += d[j] * u[j]
            d[j] *= scale[j]


@jit
def waves_backward(j, e, params, scratch, U, D, gradient):
    """The derivatives by what makes the waves of number j, from D = dU."""
    n_waves, F, n, number = e[WAVES], e[FREQUENCIES], len(U), U.dtype.type
    frequencies, phases, mix, shift, _tables, _scales = positions(e)
    zero, quarter, turn = number(0), number(0.25), number(-6.283185307179586)
    x, cosines, dcosines = vector(scratch, 0, n), vector(scratch, n, n), vector(scratch, 2 * n, n)
    dwaves, at = matrix(scratch, 3 * n, n_waves, n), e[NUMBERS] + e[PLAIN] + j * n_waves
    for i in range(n):
        x[i] = U[i, j]
    for w in range(n_waves):
        total = zero
        for i in range(n):
            dwaves[w, i] = D[i, at + w]
            total += dwaves[w, i]
        gradient[shift + j * n_waves + w] = total
    for k in range(F):
        f, g = params[frequencies + j * F + k], params[phases + j * F + k]
        for i in range(n):
            cosines[i] = cos_turns(f * x[i] + g)
            dcosines[i] = zero
        for w in range(n_waves):
            v, total = params[mix + (j * n_waves + w) * F + k], zero
            for i in range(n):
                total += dwaves[w, i] * cosines[i]
                dcosines[i] += v * dwaves[w, i]
            gradient[mix + (j * n_waves + w) * F + k] = total
        # d cos(2 pi t) / dt = -2 pi sin(2 pi t), and sin(2 pi t) = cos(2 pi (t - 1/4))
        df, dg = zero, zero
        for i in range(n):
            dt = turn * dcosines[i] * cos_turns(f * x[i] + g - quarter)
            df += dt * x[i]
            dg += dt
        gradient[frequencies + j * F + k], gradient[phases + j * F + k] = df, dg


@jit
def tables_backward(sample, rows, e, D, gradient):
    """The derivatives by the rows of tables that were copied, which are added, from D = dU."""
    (n, E), n_taken, at, width = D.shape, e[NUMBERS] + e[PLAIN], positions(e)[4], e[TABLE_WIDTH]
    behind = n_taken + e[NUMBERS] * e[WAVES]
    for i in range(n):
        d = vector(D, i * E + behind, e[CATEGORIES] * width)
        for j in range(e[CATEGORIES]):
            code = int(value_at(sample, rows[i], n_taken + j))
            dlearnt = vector(gradient, at + (e[HEADER + j] + code) * width, width)
            for w in range(width):
                dlearnt[w] += d[j * width + w]
