"""Declared signatures, and what their type variables stand for."""

from typing import Annotated, NamedTuple

import numpy as np
import pytest

from fastnn.compiling import language, signatures
from fastnn.compiling.compiler import numba_types
from fastnn.compiling.signatures import ArrayType, BundleType, DTypes, resolve, split, variables
from fastnn.kernels import arguments

F4, F8, I4, I8 = map(np.dtype, ("float32", "float64", "int32", "int64"))


def test_arguments_are_split_at_commas_between_them():
    text = "T[:, ::1], readonly float64[:, :], int64, Sample"
    assert split(text) == ["T[:, ::1]", "readonly float64[:, :]", "int64", "Sample"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("T[::1]", ArrayType("float32", 1, True, False)),
        ("V[:, :]", ArrayType("float64", 2, False, False)),
        ("readonly int64[:, ::1]", ArrayType("int64", 2, True, True)),
        ("readonly C[::1]", ArrayType("int32", 1, True, True)),
        ("S[::1]", ArrayType("int64", 1, True, False)),
        ("int64", "int64"),
        ("float64", "float64"),
        ("address", "address"),
    ],
)
def test_types_are_resolved(text, expected):
    assert resolve(text, DTypes(F4, F8, I4, I8)) == (expected,)


def test_dense_data_have_no_indices():
    (sample,) = resolve("Sample", DTypes(F4, F8))
    assert isinstance(sample, BundleType)
    assert dict(zip(sample.bundle._fields, sample.fields, strict=True))["columns"] == "none"


@pytest.mark.parametrize("text", ["int32", "bool", "Unknown", "T[]", "T[1:]", "T", "object[::1]"])
def test_unknown_types_are_refused(text):
    with pytest.raises(TypeError, match=r"type|takes"):
        resolve(text, DTypes(F8))


@pytest.mark.parametrize("dtype", ["float16", ">f8", "complex128", "int64x"])
def test_dtypes_that_kernels_do_not_take_are_refused(dtype):
    dtype = np.dtype(dtype) if dtype != "int64x" else None
    with pytest.raises(TypeError, match="no kernel takes arrays"):
        resolve("V[::1]", DTypes(F8, dtype))


def test_variables_are_those_of_bundles_too():
    assert set(variables("int64, Layers")) == {"T"}
    assert set(variables("Sample")) == {"T", "V", "C", "S"}


def test_a_bundle_may_hold_a_bundle(monkeypatch):
    monkeypatch.setattr(signatures, "bundles", dict(signatures.bundles))

    @language.bundle
    class Inner(NamedTuple):
        x: Annotated[np.ndarray, "T[::1]"]
        n: int

    @language.bundle
    class Outer(NamedTuple):
        inner: Annotated[Inner, "Inner"]
        rate: float

    (outer,) = resolve("Outer", DTypes(F8))
    names = [name for name, _ in signatures.leaves(["outer"], (outer,))]
    assert names == ["outer.inner.x", "outer.inner.n", "outer.rate"]


def test_the_compiler_sees_what_is_declared():
    import numba

    example = arguments.Sample(
        np.zeros(3), np.zeros(3, "int32"), np.zeros(2, "int32"), 0, 0, np.zeros((1, 1)), np.zeros(0)
    )
    for array in example:
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    (ours,) = numba_types(resolve("Sample", DTypes(F8, F8, I4, I4)))
    assert ours == numba.typeof(example)
