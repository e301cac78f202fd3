"""The products of a layer beside the limit, one large product on one thread."""

import numpy as np
from threadpoolctl import threadpool_limits

from .common import DTYPES, QUICK, best_seconds

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
        from fastnn.blas import small_product
        from fastnn.compiler import from_python
        from fastnn.kernels import affine

        rows, inputs, units = shape
        random = np.random.default_rng(0)
        A, W, Z = (
            random.random(size).astype(dtype)
            for size in [(rows, inputs), (inputs, units), (rows, units)]
        )
        address, kernel = affine.product.address(dtype), affine.product
        arguments = {
            "A W": (kernel, A, W, Z),
            "A' D": (kernel, A.T, Z, W),
            "D W'": (affine.product_back, Z, W, np.empty(W.size, dtype), A, address),
        }
        kernel, *self.arguments = *arguments[product], small_product()
        self.kernel = from_python(kernel)

    def track_share(self, product, shape, dtype):
        square = np.random.default_rng(0).random((1000, 1000)).astype(dtype)
        with threadpool_limits(1, "blas"):
            self.kernel(*self.arguments)
            limit = 2 * 1000**3 / best_seconds(np.dot, square, square, np.empty_like(square))
            return 2 * np.prod(shape) / best_seconds(self.kernel, *self.arguments) / limit
