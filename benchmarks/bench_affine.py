"""The products of a layer beside the limit, one large product on one thread."""

import numpy as np
from threadpoolctl import threadpool_limits

from .common import DTYPES, QUICK, best_seconds, inside

SHAPES = [(100, 64, 100), (100, 784, 100), (100, 256, 256), (100, 64, 64)]  # rows, inputs, units


class Affine:
    """Share of the limit that a product reaches in the shape of a shard of 100 rows."""

    params = (
        ["A W", "A' D", "D W'"],
        SHAPES[:1] if QUICK else SHAPES,
        DTYPES,
    )
    param_names = ("product", "shape", "dtype")
    unit = "share of the limit"

    def setup(self, product, shape, dtype):
        rows, inputs, units = shape
        random = np.random.default_rng(0)
        A, W, Z = (
            random.random(size).astype(dtype)
            for size in [(rows, inputs), (inputs, units), (rows, units)]
        )
        copies = np.empty(max(W.size, max(shape) * inside("WIDE") // W.itemsize), dtype)
        self.arguments = {
            "A W": (A, W, Z, 0, copies),
            "A' D": (A.T, Z, W, 0, copies),
            "D W'": (Z, W, A, 1, copies),
        }[product]
        self.kernel = inside("from_python")(inside("product_for_this_machine")())

    def track_share(self, product, shape, dtype):
        square = np.random.default_rng(0).random((1000, 1000)).astype(dtype)
        with threadpool_limits(1, "blas"):
            self.kernel(*self.arguments)
            limit = 2 * 1000**3 / best_seconds(np.dot, square, square, np.empty_like(square))
            return 2 * np.prod(shape) / best_seconds(self.kernel, *self.arguments) / limit
