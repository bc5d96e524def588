from __future__ import annotations

import numpy as np
import zarr
from hypothesis import given
from hypothesis import strategies as st

from septum.data.windows import read_mirrored, square_planes


def test_the_border_pixel_is_not_repeated():
    array = np.array([[0, 1, 2], [10, 11, 12]])
    found = read_mirrored(array, (-1, 1), (4, 4))
    assert found.tolist() == [
        [11, 12, 11, 10],
        [1, 2, 1, 0],
        [11, 12, 11, 10],
        [1, 2, 1, 0],
    ]


@given(
    st.lists(
        st.tuples(st.integers(1, 7), st.integers(-9, 9), st.integers(1, 12)),
        min_size=1,
        max_size=3,
    )
)
def test_windows_are_those_of_a_mirrored_image(axes):
    size, start, extent = zip(*axes, strict=True)
    array = np.random.default_rng(0).random((2, *size))
    padded = np.pad(array, [(0, 0), *((30, 30) for _ in size)], mode="reflect")
    inside = tuple(slice(30 + a, 30 + a + w) for a, w in zip(start, extent, strict=True))
    assert np.array_equal(read_mirrored(array, start, extent), padded[(slice(None), *inside)])


def test_only_what_lies_under_a_window_is_read():
    class Watched:
        shape = (1, 100, 100)

        def __getitem__(self, index):
            self.seen = index
            return np.zeros((1, 100, 100))[index]

    array = Watched()
    read_mirrored(array, (-5, 90), (10, 20))
    assert array.seen == (slice(None), slice(0, 6), slice(89, 100))


def test_zarr_and_numpy_give_the_same_windows():
    array = np.random.default_rng(0).integers(0, 255, (3, 20, 30)).astype(np.uint8)
    stored = zarr.create_array({}, shape=array.shape, dtype=array.dtype, chunks=(3, 7, 7))
    stored[...] = array
    for start, extent in (((2, 3), (10, 11)), ((-3, 25), (30, 12))):
        found = read_mirrored(stored, start, extent)
        assert np.array_equal(found, read_mirrored(array, start, extent))


def test_planes_that_may_be_turned():
    assert square_planes((8, 8), (1.0, 1.0)) == [(0, 1)]
    assert square_planes((8, 9), (1.0, 1.0)) == []
    assert square_planes((8, 8), (1.0, 1.02)) == []
    assert square_planes((8, 8), (1.0, 1.005)) == [(0, 1)]
    assert square_planes((4, 4, 4), (1.0, 1.0, 1.0)) == [(0, 1), (0, 2), (1, 2)]
    assert square_planes((4, 4, 4), (3.0, 1.0, 1.0)) == [(1, 2)]
