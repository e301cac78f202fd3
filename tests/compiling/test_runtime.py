"""Addresses of kernels, their names on disk, and calls from Python."""

import re
from typing import Annotated, NamedTuple

import numpy as np
import pytest
from processes import python

from fastnn.compiling import runtime
from fastnn.compiling.language import Kernel, bundle, interface, jit
from fastnn.compiling.runtime import Call, DTypes, address_of, name_on_disk

F4, F8 = map(np.dtype, ("float32", "float64"))
FLOATS = DTypes(F8)


@bundle
class TestBundle(NamedTuple):
    """What crosses, one of each."""

    __test__ = False

    x: Annotated[np.ndarray, "readonly T[::1]"]
    rate: float
    kernel: Annotated[int, "address"]


@interface("int64, float64, TestBundle, T[:, ::1], readonly T[:, :], T[::1]")
def look(n, rate, some, matrix, strided, out):
    out[0], out[1], out[2], out[3] = n, rate, some.x.size, some.rate
    out[4], out[5], out[6] = matrix.shape[0], matrix.shape[1], strided.strides[0]
    if strided.size > 0:
        out[7] = strided[strided.shape[0] - 1, strided.shape[1] - 1]


def inputs(**changes):
    """Arguments of `look`, of which some are changed."""
    values = {
        "n": 3,
        "rate": 0.5,
        "some": TestBundle(np.zeros(4), 1.5, 1),
        "matrix": np.zeros((2, 3)),
        "strided": np.arange(24.0).reshape(4, 6)[:, ::2],
        "out": np.zeros(8),
    }
    return list((values | changes).values())


# ------------------------------------------------------------------------------ what crosses


def test_what_python_hands_over_reaches_machine_code():
    whole = np.arange(24.0).reshape(4, 6)
    for strided in (
        whole,
        whole[:0],
        whole[1:, ::2],
        whole.T,
        whole[::-1],
        np.asfortranarray(whole),
    ):
        for n_fixed in range(6):
            arguments = inputs(strided=strided)
            Call(look, FLOATS, *arguments[:n_fixed])(*arguments[n_fixed:])
            last = strided[-1, -1] if strided.size else 0
            assert arguments[-1].tolist() == [3, 0.5, 4, 1.5, 2, 3, strided.strides[0], last]


def test_what_only_looks_unlike_its_type_is_let_in():
    class Own(np.ndarray):
        pass

    arguments = inputs(
        n=np.int32(3), rate=1, matrix=np.zeros((2, 3)).view(Own), out=np.zeros(8).view(Own)
    )
    arguments[4] = arguments[4].astype(np.dtype("f8").newbyteorder("="))
    Call(look, FLOATS)(*arguments)
    assert arguments[-1][:2].tolist() == [3, 1]


def test_read_only_arrays_are_let_in_where_they_are_read():
    x, strided = np.zeros(4), np.zeros((4, 6))
    x.flags.writeable = strided.flags.writeable = False
    Call(look, FLOATS)(*inputs(some=TestBundle(x, 1.0, 1), strided=strided))


# ----------------------------------------------------------------------------------- the door


def locked(array):
    array.flags.writeable = False
    return array


def shifted(shape):
    """An array that begins one byte behind a float."""
    n = int(np.prod(shape)) * 8
    return np.zeros(n + 1, np.uint8)[1:].view(np.float64).reshape(shape)


WRONG = {
    "dtype": ("matrix", np.zeros((2, 3), "float32"), TypeError),
    "byte order": ("matrix", np.zeros((2, 3), ">f8"), TypeError),
    "objects": ("matrix", np.zeros((2, 3), object), TypeError),
    "axes": ("matrix", np.zeros(6), ValueError),
    "order": ("matrix", np.zeros((4, 3)).T, ValueError),
    "slice": ("matrix", np.zeros((4, 6))[:, ::2], ValueError),
    "alignment": ("matrix", shifted((2, 3)), ValueError),
    "read-only": ("matrix", locked(np.zeros((2, 3))), ValueError),
    "list": ("matrix", [[1.0]], TypeError),
    "no array": ("matrix", None, TypeError),
    "text": ("n", "3", TypeError),
    "bool": ("n", True, TypeError),
    "NumPy's bool": ("n", np.True_, TypeError),
    "fraction": ("n", 3.0, TypeError),
    "too large": ("n", 2**63, ValueError),
    "too small": ("n", -(2**63) - 1, ValueError),
    "array for a number": ("n", np.zeros(1), TypeError),
    "rate of text": ("rate", "0.5", TypeError),
    "rate of bool": ("rate", True, TypeError),
    "rate of complex": ("rate", 1j, TypeError),
    "tuple": ("some", (np.zeros(4), 1.5, 1), TypeError),
    "no address": ("some.kernel", TestBundle(np.zeros(4), 1.5, 0), ValueError),
    "field's dtype": ("some.x", TestBundle(np.zeros(4, int), 1.5, 1), TypeError),
    "field's type": ("some.rate", TestBundle(np.zeros(4), None, 1), TypeError),
}


@pytest.mark.parametrize("n_fixed", [0, 5])
@pytest.mark.parametrize("what", WRONG)
def test_what_is_not_of_its_type_is_refused(what, n_fixed):
    where, value, error = WRONG[what]
    arguments = inputs(**{where.partition(".")[0]: value})
    with pytest.raises(error, match=re.escape(f"look: {where} ")):
        Call(look, FLOATS, *arguments[:n_fixed])(*arguments[n_fixed:])


def test_another_number_of_arguments_is_refused():
    with pytest.raises(TypeError, match="look takes 6 arguments"):
        Call(look, FLOATS)(1)
    with pytest.raises(TypeError, match="look takes 6 arguments"):
        Call(look, FLOATS)(*inputs(), 1)


def test_none_stands_for_what_is_not_there_alone():
    call = Call(reads_columns, DTypes(F8, F8))
    call(None, np.zeros(1))
    with pytest.raises(TypeError, match="reads_columns: columns has to be None"):
        call(np.zeros(3, "int32"), np.zeros(1))


@interface("readonly C[::1], T[::1]")
def reads_columns(columns, out):
    out[0] = 0 if columns is None else columns[0]


def test_a_kernel_without_a_signature_has_no_address():
    with pytest.raises(TypeError, match="helper has no declared signature"):
        address_of(jit(helper), FLOATS)
    with pytest.raises(TypeError, match="does not fit the arguments"):
        address_of(Kernel(helper, "int64, int64"), FLOATS)


def helper(x):
    return x


def test_all_forms_of_data_pass():
    assert python(FORMS) == "passed"


FORMS = """
    import warnings
    import numpy as np, pandas as pd
    from scipy.sparse import csr_array
    from fastnn import MLPClassifier, MLPRegressor

    warnings.simplefilter("ignore")
    X, y = np.random.default_rng(0).random((40, 6)), np.arange(40) % 2
    for dtype in ("float32", "float64"):
        locked = X.astype(dtype)
        locked.flags.writeable = False
        data = [X.astype(dtype), np.asfortranarray(X, dtype), locked, X.astype(dtype)[:, ::2]]
        data += [X.astype(dtype)[::-1], pd.DataFrame(X.astype(dtype)), csr_array(X.astype(dtype))]
        for A in data:
            for weights in (None, np.ones(40), np.ones(40, "float32"), np.ones(40, int)):
                model = MLPClassifier((3,), max_iter=1).fit(A, y, sample_weight=weights)
            model.predict(A)
            model.predict(A[:2])
            for Y in (y, y.astype("float32"), np.stack([y, y], axis=1)):
                for solver in ("adam", "lbfgs"):
                    options = {"solver": solver, "early_stopping": solver == "adam"}
                    MLPRegressor(hidden_layer_sizes=(3,), max_iter=1, **options).fit(A, Y)
    print("passed")
"""


# ---------------------------------------------------------------------------------- addresses


def test_names_on_disk_tell_signatures_and_forms_apart():
    names = {
        name_on_disk(look, FLOATS),
        name_on_disk(look, DTypes(F4)),
        name_on_disk(look, FLOATS, 0),
        name_on_disk(look, FLOATS, 2),
        name_on_disk(Kernel(look.py_func, look.signature.replace("T[::1]", "T[:]")), FLOATS),
        name_on_disk(Kernel(look.py_func, look.signature.replace("float64", "int64")), FLOATS),
    }
    assert len(names) == 6
    assert all(re.fullmatch(r"test_runtime\.look-float(32|64)-[a-z0-9-]+", name) for name in names)


def test_dtypes_that_a_kernel_does_not_see_are_not_in_its_name():
    assert name_on_disk(look, DTypes(F8, F4)) == name_on_disk(look, FLOATS)
    assert address_of(look, DTypes(F8, F4)) == address_of(look, FLOATS)


CHANGED = """
    import numpy as np
    from fastnn.compiling.language import interface
    from fastnn.compiling.runtime import Call, DTypes

    @interface("{signature}")
    def first(x, out):
        out[0] = x{read}

    out = np.zeros(1)
    Call(first, DTypes(np.dtype("float64")))({given}, out)
    print(out[0])
"""


def test_a_changed_signature_never_loads_the_code_of_another(tmp_path):
    """The same file and function, which a folder of the same digest holds already."""
    forms = [
        ("T[::1], T[::1]", "[0]", "np.full(3, 7.0)"),
        ("int64[::1], T[::1]", "[0]", "np.full(3, 8)"),
        ("int64, T[::1]", "", "9"),
        ("float64, T[::1]", "", "10.0"),
    ]
    for _ in range(2):
        told = []
        for signature, read, given in forms:
            program = CHANGED.format(signature=signature, read=read, given=given)
            told.append(float(python(program, NUMBA_CACHE_DIR=str(tmp_path))))
        assert told == [7, 8, 9, 10]


# --------------------------------------------------------------------------- NumPy's own object


def test_arrays_have_their_fields_where_machine_code_reads_them():
    runtime.check_array_object()


@pytest.mark.parametrize("strange", ["data", "axes"])
def test_arrays_of_another_layout_are_refused(strange, monkeypatch):
    class Moved:
        """An object's header of another size."""

        __basicsize__ = object.__basicsize__ + (8 if strange == "data" else -8)

    monkeypatch.setattr(runtime, "object", Moved, raising=False)
    with pytest.raises(RuntimeError, match="cannot read the arrays of NumPy"):
        runtime.check_array_object()


LOWERING = """
    import numba
    from numba import types
    from fastnn.compiling.lowering import calls

    for kind in (types.int32, types.boolean, types.unicode_type, types.Optional(types.int64)):
        try:
            calls._read(None, None, kind, iter([None]))
        except numba.TypingError:
            continue
        raise AssertionError(kind)
    print("refused")
"""


def test_the_lowering_reads_no_type_that_it_does_not_know():
    assert python(LOWERING) == "refused"
