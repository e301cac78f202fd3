"""The embedding of a table's row: numbers and categories become the vector that layer 0 takes.

With x a number of the row, scaled, and c the code of a category, from 0 on::

    [ x_1 ... x_p | plain columns | waves of x_1 ... waves of x_p | row c of table_1 | ... ] * scale

    waves of x = V cos(2 pi (f x + g)) + h

Each number has frequencies f and phases g of its own, F of them, and V and h, which make `n_waves`
numbers of the cosines (periodic embeddings: Gorishniy et al., arXiv:2203.05556; in this form, with
x beside them, PBLD: Holzmueller et al., arXiv:2407.04491). Phases are counted in turns. All of
these, the tables and the scale are learnt.

`layers.embedding` says where: its first `HEADER` entries are the names below, and behind them stand
for each category the position of its table in the tables, in rows.
"""

from fastnn.compiling.intrinsics.views import vector
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


@interface(
    "Sample, readonly int64[::1], readonly int64[::1], readonly T[::1], T[::1], T[:, ::1], "
    "T[:, ::1]"
)
def embed(sample, rows, e, params, cosines, U, A):
    """U, the embedded rows, and A = U * scale; `cosines` is memory of F numbers."""
    p, n_plain, n_waves, F = e[NUMBERS], e[PLAIN], e[WAVES], e[FREQUENCIES]
    frequencies, phases, mix, shift, tables, scales = positions(e)
    number, width, E = U.dtype.type, e[TABLE_WIDTH], U.shape[1]
    scale = vector(params, scales, E)
    for i in range(rows.size):
        u, row = vector(U, i * E, E), rows[i]
        for j in range(p + n_plain):
            u[j] = number(value_at(sample, row, j))
        for j in range(p):
            x = u[j]
            f, g = vector(params, frequencies + j * F, F), vector(params, phases + j * F, F)
            for k in range(F):
                cosines[k] = cos_turns(f[k] * x + g[k])
            for w in range(n_waves):
                v = vector(params, mix + (j * n_waves + w) * F, F)
                total = number(0)
                for k in range(F):
                    total += v[k] * cosines[k]
                u[p + n_plain + j * n_waves + w] = total + params[shift + j * n_waves + w]
        at = p + n_plain + p * n_waves
        for j in range(e[CATEGORIES]):
            code = int(value_at(sample, row, p + n_plain + j))
            learnt = vector(params, tables + (e[HEADER + j] + code) * width, width)
            for w in range(width):
                u[at + j * width + w] = learnt[w]
        a = vector(A, i * E, E)
        for j in range(E):
            a[j] = u[j] * scale[j]


@interface(
    "Sample, readonly int64[::1], readonly int64[::1], readonly T[::1], T[::1], T[:, ::1], "
    "T[:, ::1], T[::1]"
)
def embed_backward(sample, rows, e, params, cosines, U, D, gradient):
    """The derivatives by all that the embedding learns, from D = dA, which it changes."""
    p, n_plain, n_waves, F = e[NUMBERS], e[PLAIN], e[WAVES], e[FREQUENCIES]
    frequencies, phases, mix, shift, tables, scales = positions(e)
    number, width, E = U.dtype.type, e[TABLE_WIDTH], U.shape[1]
    zero, quarter, turn = number(0), number(0.25), number(-6.283185307179586)
    scale, dscale = vector(params, scales, E), vector(gradient, scales, E)
    learnt = vector(gradient, e[AT], scales + E - e[AT])
    learnt[:] = 0
    for i in range(rows.size):
        row, d, u = rows[i], vector(D, i * E, E), vector(U, i * E, E)
        for j in range(E):
            dscale[j] += d[j] * u[j]
            d[j] *= scale[j]
        for j in range(p):
            x, at = u[j], p + n_plain + j * n_waves
            f, g = vector(params, frequencies + j * F, F), vector(params, phases + j * F, F)
            df, dg = vector(gradient, frequencies + j * F, F), vector(gradient, phases + j * F, F)
            for k in range(F):
                cosines[k] = cos_turns(f[k] * x + g[k])
            for w in range(n_waves):
                dv = vector(gradient, mix + (j * n_waves + w) * F, F)
                dw = d[at + w]
                gradient[shift + j * n_waves + w] += dw
                for k in range(F):
                    dv[k] += dw * cosines[k]
            # d cos(2 pi t) / dt = -2 pi sin(2 pi t), and sin(2 pi t) = cos(2 pi (t - 1/4))
            for k in range(F):
                cosines[k] = zero
            for w in range(n_waves):
                v, dw = vector(params, mix + (j * n_waves + w) * F, F), d[at + w]
                for k in range(F):
                    cosines[k] += dw * v[k]
            for k in range(F):
                dt = turn * cosines[k] * cos_turns(f[k] * x + g[k] - quarter)
                df[k] += dt * x
                dg[k] += dt
        at = p + n_plain + p * n_waves
        for j in range(e[CATEGORIES]):
            code = int(value_at(sample, row, p + n_plain + j))
            dlearnt = vector(gradient, tables + (e[HEADER + j] + code) * width, width)
            for w in range(width):
                dlearnt[w] += d[at + j * width + w]
