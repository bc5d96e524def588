"""Where windows lie, and how their outputs are put together."""

from __future__ import annotations

import itertools

import numpy as np
import torch
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import Pointwise

from septum.inference.tile_grid import plan_windows, read_window
from septum.inference.tiling import predict_tiled


def test_no_seam_where_windows_meet():
    class Tilted(Pointwise):
        """Each window sees a ramp of its own: the worst case of disagreeing windows."""

        def predict(self, images):
            ramp = torch.linspace(0, 1, images.shape[-1]).expand(images[:, :1].shape)
            return torch.cat([ramp, 1 - ramp], 1)

    image = np.zeros((1, 8, 512), np.float32)
    ramp = predict_tiled(Tilted(), image, tile=(8, 128), overlap=0.5)[0, 0]
    starts = plan_windows(Tilted(), (8, 512), (8, 128), 0.5)[1].starts
    jumps = np.abs(np.diff(ramp))
    assert len(starts) == 7
    # two windows disagree by 0.5; spread over the 64 px they share, not one step
    assert jumps.max() < 0.05
    assert max(jumps[start - 1] for start in starts[1:]) < 0.01


def test_windows_are_read_lazily_and_written_in_whole_chunks(tmp_path):
    source = zarr.create_array(
        tmp_path / "in.zarr", shape=(1, 97, 83), chunks=(1, 16, 16), dtype=np.uint16
    )
    raw = np.random.default_rng(0).integers(0, 1000, (1, 97, 83)).astype(np.uint16)
    source[:] = raw
    store = zarr.create_array(
        tmp_path / "out.zarr", shape=(2, 97, 83), chunks=(2, 20, 83), dtype=np.float16
    )
    reads, writes = [], []

    class Source:
        shape = source.shape

        def __getitem__(self, key):
            block = source[key]
            reads.append(block.size)
            return block

    class Target:
        shape, dtype, chunks = store.shape, store.dtype, store.chunks

        def __setitem__(self, key, value):
            writes.append((key[1].start, key[1].stop))
            store[key] = value

    target = Target()
    result = predict_tiled(
        Pointwise(), Source(), target, tile=(32, 32), normalise=lambda x: x / np.float32(500) - 1
    )
    assert result is target
    assert max(reads) <= 32 * 32
    assert writes[0][0] == 0
    assert writes[-1][1] == 97
    assert all(a[1] == b[0] and b[0] % 20 == 0 for a, b in itertools.pairwise(writes))
    assert len(writes) > 2
    expected = 1 / (1 + np.exp(-(raw[0] / 500 - 1)))
    np.testing.assert_allclose(store[1], expected, atol=1e-3)


@settings(max_examples=50, deadline=None)
@given(
    length=st.integers(1, 40),
    tile=st.integers(1, 30),
    overlap=st.floats(0, 0.9),
    margin=st.integers(0, 9),
    stride=st.integers(1, 6),
)
def test_windows_cover_every_pixel_once_and_mirror_as_numpy_does(
    length, tile, overlap, margin, stride
):
    network = Pointwise(stride)
    network.margin = margin
    network.legal_size = lambda size: [
        2 * margin + -(-max(1, s - 2 * margin) // stride) * stride for s in size
    ]
    (axis,) = plan_windows(network, (length,), (tile,), overlap)
    shares = np.zeros(axis.starts[-1] + axis.tile)
    image = np.arange(length, dtype=np.float32)
    mirrored = np.pad(image, 200, mode="reflect")
    for i, (start, weights) in enumerate(zip(axis.starts, axis.weights, strict=True)):
        assert start % stride == 0
        shares[start : start + len(weights)] += weights
        window = read_window(image[None], [axis], [i], None)[0]
        first = 200 + start - margin
        np.testing.assert_array_equal(window, mirrored[first : first + axis.tile])
    np.testing.assert_allclose(shares[:length], 1, rtol=1e-12)
    if margin:
        assert set(np.concatenate(axis.weights).tolist()) <= {0.0, 1.0}
    for one, two in itertools.pairwise(axis.starts):
        assert two - one <= max(stride, (axis.tile - 2 * margin) * (1 if margin else 1 - overlap))


def test_windows_of_a_network_of_any_size_start_on_its_grid():
    class Any(Pointwise):
        """Accepts every size, and has features of 8 pixels."""

        def legal_size(self, size):
            return tuple(size)

    grid = plan_windows(Any(8), (100, 61), (33, 40), 0.25)
    starts = [axis.starts for axis in grid]
    assert all(start % 8 == 0 for axis in starts for start in axis)
    assert [
        axis[-1] + axis_tile >= n
        for axis, axis_tile, n in zip(starts, (33, 40), (100, 61), strict=True)
    ] == [True, True]
