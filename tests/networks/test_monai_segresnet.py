"""SegResNet: parameters by layer."""

from __future__ import annotations

from small_networks import count_parameters


def test_segresnet_parameters_by_layer():
    def block(channels):  # two normalisations with scale and shift, two convolutions
        return 2 * (2 * channels + 27 * channels**2)

    expected = 27 * 4 * 32
    for level, blocks in enumerate((1, 2, 2, 4)):
        channels = 32 * 2**level
        expected += blocks * block(channels) + (27 * channels**2 // 2 if level else 0)
    for channels in (128, 64, 32):
        expected += 2 * channels * channels + block(channels)  # 1×1 to half the channels
    expected += 2 * 32 + 32 * 3 + 3
    assert count_parameters("monai:SegResNet", 3, 4, 3) == expected
