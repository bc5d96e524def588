import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import binary_erosion
from scipy.spatial.distance import cdist

from septum.errors import SeptumError
from septum.metrics.surface import surface_distances


def brute_force(true, pred, spacing):
    """Return both sets of directed distances from all pairs of surface pixels."""
    points = []
    for mask in (true, pred):
        # eroded by the face neighbours, with nothing beyond the frame
        surface = mask & ~binary_erosion(mask, border_value=0)
        points.append(np.argwhere(surface) * np.asarray(spacing))
    between = cdist(*points)
    return between.min(axis=1), between.min(axis=0)


def test_two_pixels_in_physical_units():
    true, pred = np.zeros((2, 4, 4), bool)
    true[0, 0], pred[1, 2] = True, True
    distances = surface_distances(true, pred, spacing=(2.0, 0.5))
    assert distances.hausdorff(95) == distances.average() == np.sqrt(2.0**2 + 1.0**2)


def test_a_line_and_a_point_by_hand():
    true, pred = np.zeros(9, bool), np.zeros(9, bool)
    true[2:7] = True  # its surface: the pixels 2 and 6
    pred[0] = True
    distances = surface_distances(true, pred, spacing=[3.0])
    assert distances.true_to_pred.tolist() == [6.0, 18.0]
    assert distances.pred_to_true.tolist() == [6.0]
    assert distances.hausdorff(100) == 18.0
    assert distances.hausdorff(95) == pytest.approx(6 + 0.95 * 12)
    assert distances.average() == 10.0


def test_equal_masks_are_at_distance_zero():
    mask = np.zeros((6, 7, 8), bool)
    mask[1:4, 2:6, 3:8] = True
    distances = surface_distances(mask, mask, spacing=(5, 1, 1))
    assert distances.hausdorff(95) == distances.average() == 0
    # 3 × 4 × 5 pixels of which 1 × 2 × 3 are inside
    assert distances.true_to_pred.size == 60 - 6


def test_the_worse_direction_counts():
    # the prediction covers the truth and has an island far away: all true distances are 0
    true = np.zeros((40, 40), bool)
    true[2:12, 2:12] = True
    pred = true.copy()
    pred[35:38, 35:38] = True
    distances = surface_distances(true, pred)
    assert np.percentile(distances.true_to_pred, 95) == 0
    assert distances.hausdorff(95) == np.percentile(distances.pred_to_true, 95) > 30


def test_empty_masks():
    empty, full = np.zeros((3, 3), bool), np.ones((3, 3), bool)
    both = surface_distances(empty, empty)
    assert np.isnan([both.hausdorff(95), both.average()]).all()
    for pair in ((empty, full), (full, empty)):
        one = surface_distances(*pair)
        assert np.isinf([one.hausdorff(95), one.average()]).all()


MASKS = hnp.array_shapes(min_dims=1, max_dims=3, min_side=2, max_side=6).flatmap(
    lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape))
)


@given(masks=MASKS, spacing=st.tuples(*[st.sampled_from([0.25, 1.0, 3.5])] * 3))
@settings(deadline=None)
def test_distances_are_those_of_all_pairs(masks, spacing):
    true, pred = masks
    spacing = spacing[: true.ndim]
    if not (true.any() and pred.any()):
        return
    found = surface_distances(true, pred, spacing)
    forward, backward = brute_force(true, pred, spacing)
    np.testing.assert_allclose(np.sort(found.true_to_pred), np.sort(forward), rtol=1e-12)
    np.testing.assert_allclose(np.sort(found.pred_to_true), np.sort(backward), rtol=1e-12)


def test_monai_is_met():
    torch = pytest.importorskip("torch")
    monai = pytest.importorskip("monai.metrics")
    rng = np.random.default_rng(2)
    spacing = (2.5, 0.8, 0.6)
    for _ in range(3):
        noise = rng.random((2, 6, 7, 8))
        true, pred = (np.kron(part > 0.8, np.ones((2, 3, 2))) > 0 for part in noise)
        one_hot = [torch.from_numpy(mask[None, None].astype(np.float32)) for mask in (pred, true)]
        found = surface_distances(true, pred, spacing)
        hd95 = monai.compute_hausdorff_distance(
            *one_hot, include_background=True, percentile=95, spacing=spacing
        )
        assd = monai.compute_average_surface_distance(
            *one_hot, include_background=True, symmetric=True, spacing=spacing
        )
        assert found.hausdorff(95) == pytest.approx(hd95.item(), rel=1e-5)
        assert found.average() == pytest.approx(assd.item(), rel=1e-5)


def test_masks_of_other_grids():
    with pytest.raises(SeptumError, match="one grid"):
        surface_distances(np.ones((3, 3)), np.ones((3, 4)))
    with pytest.raises(SeptumError, match="spacing of 3"):
        surface_distances(np.ones((3, 3)), np.ones((3, 3)), (1, 1, 1))
