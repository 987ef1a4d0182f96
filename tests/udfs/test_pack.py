import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udfs.pack import pack
from udfs.scale import to_integers

VALUES = st.lists(
    st.one_of(st.floats(width=32), st.floats(-2, 2, width=32), st.sampled_from([0.0, -0.0, 0.00005, 0.00015, 1e9])),
    min_size=1, max_size=40,
)  # fmt: skip
TYPES = [("int16", -32768), ("int16", 32767), ("uint8", 0), ("uint8", 255), ("uint16", 65535), ("int32", -9999)]


@settings(deadline=None)
@given(values=VALUES, kind=st.sampled_from(TYPES), scale=st.sampled_from([1, 1e-4, -0.004, 3]),
       offset=st.sampled_from([0, -1, 0.1]), seed=st.integers(0, 99))  # fmt: skip
def test_integers_come_out_as_of_to_integers(values, kind, scale, offset, seed):
    data = np.array([values, values[::-1]], np.float32)
    valid = np.random.default_rng(seed).random(data.shape) < 0.8
    dtype, nodata = kind
    out = np.empty(data.shape, dtype)
    total = pack(data, valid, scale=scale, offset=offset, nodata=nodata, out=out)
    np.testing.assert_array_equal(out, to_integers(data, valid, dtype=dtype, nodata=nodata, scale=scale, offset=offset))
    assert total == int((valid & np.isfinite(data)).sum())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_keep_their_values_and_get_nodata(dtype):
    data = np.array([[0.1, -0.0, np.inf, 7.5]], np.float32)
    out = np.empty(data.shape, dtype)
    assert pack(data, np.array([[True, True, True, False]]), scale=1, offset=0, nodata=np.nan, out=out) == 2
    np.testing.assert_array_equal(out, np.array([[np.float32(0.1), 0, np.inf, np.nan]], dtype))


def test_floats_are_scaled_in_their_own_type():
    data = np.array([[0.1, 0.7]], np.float32)
    out = np.empty(data.shape, np.float32)
    pack(data, np.ones(data.shape, np.bool_), scale=0.3, offset=0.2, nodata=-1, out=out)
    np.testing.assert_array_equal(out, (data - 0.2) / 0.3)
