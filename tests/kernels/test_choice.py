"""What is asked of the BLAS library and of the processor: which product is the fastest."""

import platform
from types import SimpleNamespace

import numpy as np
import pytest
from processes import python
from sklearn.exceptions import ConvergenceWarning

from fastnn import MLPClassifier
from fastnn.compiling.intrinsics import blas, registers
from fastnn.engine import bind as layers
from fastnn.kernels.products import blas as whole
from fastnn.kernels.products import choice, long_panels, panels, strips


@pytest.mark.parametrize(
    ("architectures", "has_kernels"),
    [
        (["SkylakeX", "SkylakeX"], True),
        (["SapphireRapids"], True),
        (["SkylakeX", "Haswell"], False),
        (["Zen"], False),
        ([None], False),  # another library than OpenBLAS does not tell
        ([], False),  # nor does macOS' own
    ],
)
def test_only_known_kernels_take_small_products(architectures, has_kernels, monkeypatch):
    libraries = [
        SimpleNamespace(architecture=name, filepath=f"/site-packages/libs/openblas{i}.so")
        for i, name in enumerate(architectures)
    ]
    monkeypatch.setattr(blas, "libraries", lambda: libraries)
    assert blas.has_small_kernels.__wrapped__() == has_kernels
    for folder in ("scipy.libs", "scipy/.dylibs"):  # the others are not the kernels'
        path = f"/site-packages/{folder}/libscipy_openblas.so"
        scipys = SimpleNamespace(architecture="SkylakeX", filepath=path)
        monkeypatch.setattr(blas, "libraries", lambda scipys=scipys: [*libraries, scipys])
        assert blas.has_small_kernels.__wrapped__()


@pytest.mark.parametrize(
    ("features", "wide"),
    [
        ({"avx2": True, "fma": True}, True),
        ({"avx2": True, "fma": True, "avx512f": True}, False),  # wider ones
        ({"avx2": True, "fma": False}, False),
        ({"neon": True}, False),
        ({}, False),  # a processor that LLVM does not know
    ],
)
def test_panels_are_for_avx2(features, wide, monkeypatch):
    monkeypatch.setattr(registers.llvm, "get_host_cpu_features", lambda: features)
    assert registers.are_wide_enough.__wrapped__() == wide


@pytest.mark.parametrize(
    ("has_kernels", "long", "wide", "name"),
    [
        (True, True, False, "product_in_strips"),
        (True, False, False, "product_in_strips"),
        (False, True, False, "product_in_long_panels"),
        (False, False, True, "product_in_panels"),
        (False, False, False, "product"),
    ],
)
def test_the_fastest_product(has_kernels, long, wide, name, monkeypatch):
    monkeypatch.setattr(registers, "are_long", lambda: long)
    monkeypatch.setattr(blas, "has_small_kernels", lambda: has_kernels)
    monkeypatch.setattr(registers, "are_wide_enough", lambda: wide)
    assert choice.product_for_this_machine().__name__ == name


@pytest.mark.parametrize("long", [True, False])
def test_predictions_use_long_registers(long, monkeypatch):
    monkeypatch.setattr(registers, "are_long", lambda: long)
    expected = long_panels.product_in_long_panels if long else choice.product_for_this_machine()
    assert choice.product_for_predictions() is expected


@pytest.mark.parametrize(
    ("product", "shape", "ours"),
    [
        (long_panels.product_in_long_panels, (256, 64, 100, 4), True),
        (long_panels.product_in_long_panels, (256, 1025, 10, 4), False),
        (long_panels.product_in_long_panels, (256, 1000, 1000, 4), False),
        (panels.product_in_panels, (256, 64, 100, 4), True),
        (panels.product_in_panels, (256, 100, 10, 4), False),  # fewer columns than a panel
        (panels.product_in_panels, (256, 1025, 16, 4), False),
        (panels.product_in_panels, (256, 300, 300, 4), False),
        (whole.product, (256, 64, 100, 4), False),
    ],
)
def test_which_products_are_never_the_librarys(product, shape, ours):
    assert choice.calls_no_library(product, *shape) == ours


@pytest.mark.parametrize(
    ("features", "long"),
    [({"avx512f": True, "avx2": True}, True), ({"avx2": True, "fma": True}, False), ({}, False)],
)
def test_long_registers_are_those_of_avx512(features, long, monkeypatch):
    monkeypatch.setattr(registers.llvm, "get_host_cpu_features", lambda: features)
    for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"):
        monkeypatch.delenv(name, raising=False)
    assert registers.are_long.__wrapped__() == long
    monkeypatch.setenv("NUMBA_CPU_NAME", "x86-64-v3")
    assert not registers.are_long.__wrapped__()


def test_all_products_train_the_same_network(monkeypatch):
    X = np.random.default_rng(0).random((300, 40))
    losses = []
    products = [whole.product, strips.product_in_strips, panels.product_in_panels]
    for product in [*products, *[long_panels.product_in_long_panels] * registers.are_long()]:
        monkeypatch.setattr(layers, "product_for_this_machine", lambda product=product: product)
        model = MLPClassifier((90, 200), max_iter=3, random_state=0)
        with pytest.warns(ConvergenceWarning):
            losses.append(model.fit(X, np.arange(300) % 3).loss_)
        np.testing.assert_allclose(model.predict_proba(X[:1]), model.predict_proba(X)[:1])
    np.testing.assert_allclose(losses, losses[0], rtol=1e-9)


FIT = """
    import warnings
    import numpy as np
    from fastnn import MLPClassifier
    from fastnn.compiling.intrinsics import blas

    warnings.simplefilter("ignore")
    X = np.random.default_rng(0).random((300, 40))
    model = MLPClassifier((90, 200), max_iter=3, random_state=0)
    print(blas.has_small_kernels(), model.fit(X, np.arange(300) % 3).loss_)
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="a kernel of x86-64")
def test_products_are_right_whatever_the_kernels():
    (_, ours), (small, other) = (
        python(FIT, OPENBLAS_CORETYPE=core).split() for core in ("", "Haswell")
    )
    assert small == "False"
    np.testing.assert_allclose(float(ours), float(other), rtol=1e-9)
