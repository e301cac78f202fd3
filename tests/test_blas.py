"""What is asked of the BLAS library: how large a product it takes as it lies."""

import platform
from types import SimpleNamespace

import numpy as np
import pytest
from processes import python

from fastnn import blas


@pytest.mark.parametrize(
    ("architectures", "small"),
    [
        (["SkylakeX", "SkylakeX"], blas.SMALL_PRODUCT),
        (["SapphireRapids"], blas.SMALL_PRODUCT),
        (["SkylakeX", "Haswell"], 0),
        (["Zen"], 0),
        ([None], 0),  # another library than OpenBLAS does not tell
        ([], 0),  # nor does macOS' own
    ],
)
def test_only_known_kernels_take_small_products(architectures, small, monkeypatch):
    libraries = [
        SimpleNamespace(architecture=name, filepath=f"/site-packages/libs/openblas{i}.so")
        for i, name in enumerate(architectures)
    ]
    monkeypatch.setattr(blas, "libraries", lambda: libraries)
    assert blas.small_product.__wrapped__() == small
    for folder in ("scipy.libs", "scipy/.dylibs"):  # the others are not the kernels'
        path = f"/site-packages/{folder}/libscipy_openblas.so"
        scipys = SimpleNamespace(architecture="SkylakeX", filepath=path)
        monkeypatch.setattr(blas, "libraries", lambda scipys=scipys: [*libraries, scipys])
        assert blas.small_product.__wrapped__() == blas.SMALL_PRODUCT


FIT = """
    import warnings
    import numpy as np
    from fastnn import MLPClassifier, blas

    warnings.simplefilter("ignore")
    X = np.random.default_rng(0).random((300, 40))
    model = MLPClassifier((90, 200), max_iter=3, random_state=0)
    print(blas.small_product(), model.fit(X, np.arange(300) % 3).loss_)
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="a kernel of x86-64")
def test_products_are_right_whatever_the_kernels():
    (_, ours), (small, other) = (
        python(FIT, OPENBLAS_CORETYPE=core).split() for core in ("", "Haswell")
    )
    assert small == "0"
    np.testing.assert_allclose(float(ours), float(other), rtol=1e-9)
