"""What all classical methods share: channels, level, smoothing, small objects."""

from __future__ import annotations

import numpy as np
import pytest
from grey_images import balls, iou, picture

from septum.classical.watershed import Watershed
from septum.errors import SeptumError

APART = balls((48, 56), [(12, 14), (30, 40), (36, 10)], 7)


def segment(image, spacing=None, **parameters):
    spacing = spacing or (1.0,) * (image.ndim - 1)
    return Watershed(**parameters).segment(image, spacing=spacing)


def test_small_objects_are_removed_and_the_others_numbered_without_gaps():
    true = np.zeros((30, 40), int)
    true[4:6, 4:7] = 1  # 6 pixels
    true[12:22, 12:22] = 2
    image = np.where(true, 9.0, 0.0)[None]
    assert segment(image, sigma=0, h=0).max() == 2
    assert segment(image, sigma=0, h=0, min_size=6).max() == 2
    found = segment(image, sigma=0, h=0, min_size=7)
    np.testing.assert_array_equal(found, true == 2)


def test_level_is_a_share_of_the_contrast():
    grey = np.zeros((20, 20))
    grey[2:8, 2:8] = 100
    grey[12:18, 12:18] = 40
    # Otsu: background (0 and 40) below, objects (100) above; means 36·40/364 and 100
    share = (40 - 36 * 40 / 364) / (100 - 36 * 40 / 364)
    assert round(share, 3) == 0.375
    at = {level: segment(grey[None], sigma=0, h=0, level=level) for level in (0.37, 0.38)}
    assert (at[0.37].max(), at[0.38].max()) == (2, 1)


def test_a_local_threshold_follows_the_illumination():
    ramp = np.linspace(0, 200, 60)[None].repeat(40, axis=0)
    true = balls((40, 60), [(10, 10), (28, 30), (12, 50)], 4)
    image = (ramp + 60 * (true > 0))[None]
    # one threshold for all: the brightest background is found, the darkest object is not
    everywhere = segment(image)
    assert (everywhere[10, 10], everywhere[30, 59] > 0) == (0, True)
    found = segment(image, window=8)
    assert found.max() == 3
    assert min(iou(found, true, number) for number in (1, 2, 3)) > 0.7


@pytest.mark.parametrize("channel", [None, 0])
def test_an_image_without_channels_is_refused(channel):
    with pytest.raises(SeptumError) as error:
        segment(np.zeros((0, 8, 8)), channel=channel)
    assert str(error.value) == (
        "Watershed: is given an image without channels\n"
        "    -> give an array (C, *spatial) of at least one channel"
    )


def test_channels():
    image = np.stack([picture(APART)[0], np.random.default_rng(1).normal(0, 400, APART.shape)])
    found = segment(image, channel=0, min_size=20)
    np.testing.assert_array_equal(found, segment(image[:1], min_size=20))
    mean = segment(image, min_size=20)
    np.testing.assert_array_equal(mean, segment(image.mean(0)[None], min_size=20))
    with pytest.raises(SeptumError, match="channel: is 2, but the image has 2 channels"):
        segment(image, channel=2)


def test_coarse_axes_are_smoothed_less():
    image = np.zeros((1, 21, 21))
    image[0, 10, 10] = 1
    method = Watershed(sigma=2.0)
    smooth = method._scaled(image[0].astype(np.float32), np.array([4.0, 1.0]))
    # σ of half a pixel along the rows' axis and of two along the other: 21 against 3 pixels wide
    assert (smooth[:, 10] > 0.1).sum() == 3
    assert (smooth[10] > 0.1).sum() == 9


def test_pixels_must_be_finite():
    with pytest.raises(SeptumError, match="not finite"):
        segment(np.array([[[1.0, np.nan]]]))


def test_spacing_must_fit():
    with pytest.raises(ValueError, match="spacing"):
        segment(np.zeros((1, 4, 4)), spacing=(1.0,))
