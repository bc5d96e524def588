"""RoIAlign against values written down by hand, gradients, and whole-pixel shifts."""

from __future__ import annotations

import itertools

import pytest
import torch

from septum.networks.detection.roi_align import roi_align

FIRST = torch.tensor([0])


def by_hand(features, box, size, scale, ratio, aligned):
    """RoIAlign of one box as a loop over bins, points and corners, for 2-D and 3-D."""
    axes = features.ndim - 1
    shift = 0.5 if aligned else 0.0
    start = [float(v) * scale - shift for v in box[:axes]]
    length = [float(v) * scale - shift - s for v, s in zip(box[axes:], start, strict=True)]
    if not aligned:
        length = [max(v, 1.0) for v in length]
    out = torch.zeros(features.shape[0], *size, dtype=features.dtype)
    for bin_ in itertools.product(*map(range, size)):
        points = list(itertools.product(range(ratio), repeat=axes))
        for point in points:
            at = [
                start[a] + (bin_[a] + (point[a] + 0.5) / ratio) * length[a] / size[a]
                for a in range(axes)
            ]
            extents = features.shape[1:]
            if any(v < -1 or v > n for v, n in zip(at, extents, strict=True)):
                continue
            at = [min(max(v, 0.0), n - 1.0) for v, n in zip(at, extents, strict=True)]
            for corner in itertools.product((0, 1), repeat=axes):
                weight, where = 1.0, []
                for a in range(axes):
                    low = int(at[a])
                    weight *= (at[a] - low) if corner[a] else 1 - (at[a] - low)
                    where.append(min(low + corner[a], extents[a] - 1))
                out[(slice(None), *bin_)] += weight * features[(slice(None), *where)] / len(points)
    return out


def test_two_by_two_bins_of_four_points_by_hand():
    # one bright feature at (1, 1); its box is cut into 2 x 2 bins of one feature each, whose
    # four points lie a quarter and three quarters into the bin
    features = torch.zeros(1, 1, 4, 4)
    features[0, 0, 1, 1] = 16.0
    found = roi_align(features, torch.tensor([[1.0, 1.0, 3.0, 3.0]]), FIRST, (2, 2))
    # along an axis: bin 1 has points at features 0.75 and 1.25, of weight 3/4 each; bin 2 at
    # 1.75 and 2.25, of weights 1/4 and 0. Means: 3/4 and 1/8
    assert found[0, 0].tolist() == [[9.0, 1.5], [1.5, 0.25]]


def test_a_ramp_is_read_at_the_middle_of_each_bin():
    ramp = (torch.arange(20.0) + 0.5).expand(1, 1, 10, 20)
    found = roi_align(ramp, torch.tensor([[2.0, 3.0, 6.0, 11.0]]), FIRST, (2, 4))
    torch.testing.assert_close(found[0, 0], torch.tensor([[4.0, 6.0, 8.0, 10.0]] * 2))


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("ratio", [1, 2, 3])
@pytest.mark.parametrize("spatial", [(6, 9), (1, 5), (4, 5, 6)])
def test_equals_the_loop(spatial, ratio, aligned):
    generator = torch.Generator().manual_seed(len(spatial) + ratio)
    axes = len(spatial)
    features = torch.randn(2, 3, *spatial, generator=generator, dtype=torch.float64)
    extent = torch.tensor(spatial, dtype=torch.float64) * 4
    starts = (torch.rand(6, axes, generator=generator, dtype=torch.float64) * 1.4 - 0.4) * extent
    ends = starts + torch.rand(6, axes, generator=generator, dtype=torch.float64) * extent
    boxes = torch.cat([starts, ends], dim=1)
    images = torch.tensor([0, 1, 0, 1, 1, 0])
    size = (3, 2, 2)[:axes]
    found = roi_align(
        features, boxes, images, size, scale=0.25, sampling_ratio=ratio, aligned=aligned
    )
    for k in range(6):
        wanted = by_hand(features[images[k]], boxes[k], size, 0.25, ratio, aligned)
        torch.testing.assert_close(found[k], wanted)


@pytest.mark.parametrize("spatial", [(5, 6), (3, 4, 5)])
def test_gradients_are_those_of_finite_differences(spatial):
    axes = len(spatial)
    features = torch.randn(1, 2, *spatial, dtype=torch.float64, requires_grad=True)
    boxes = torch.tensor([[0.3] * axes + [2.9] * axes, [-1.0] * axes + [9.0] * axes])
    images = torch.tensor([0, 0])
    assert torch.autograd.gradcheck(
        lambda x: roi_align(x, boxes, images, (2,) * axes), features, fast_mode=True
    )


@pytest.mark.parametrize("axes", [2, 3])
def test_moves_with_the_image(axes):
    features = torch.zeros(1, 2, *(16,) * axes)
    inner = (slice(None), slice(None), *(slice(3, 10),) * axes)
    features[inner] = torch.randn(1, 2, *(7,) * axes)
    moved = features.roll((4, 2, 3)[:axes], dims=tuple(range(2, 2 + axes)))
    box = torch.tensor([[3.2] * axes + [9.7] * axes])
    shift = torch.tensor([4.0, 2.0, 3.0][:axes]).repeat(2)
    size = (3,) * axes
    torch.testing.assert_close(
        roi_align(features, box, FIRST, size), roi_align(moved, box + shift, FIRST, size)
    )


def test_scale_by_axis():
    features = torch.randn(1, 1, 8, 8, dtype=torch.float64)
    box = torch.tensor([[2.0, 8.0, 6.0, 24.0]])
    found = roi_align(features, box, FIRST, (2, 2), scale=(0.5, 0.25))
    wanted = roi_align(features, torch.tensor([[1.0, 2.0, 3.0, 6.0]]), FIRST, (2, 2))
    torch.testing.assert_close(found, wanted)


def test_no_box_gives_no_features():
    found = roi_align(
        torch.randn(1, 3, 4, 4), torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), (2, 2)
    )
    assert found.shape == (0, 3, 2, 2)


def test_boxes_of_other_axes_are_refused():
    with pytest.raises(ValueError, match="2 axes need boxes"):
        roi_align(torch.randn(1, 3, 4, 4), torch.zeros(1, 6), FIRST, (2, 2))
