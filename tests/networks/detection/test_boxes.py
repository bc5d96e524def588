"""Box coding, on values reckoned by hand."""

from __future__ import annotations

import math

import pytest
import torch

from septum.networks.detection.boxes import MAX_LOG_SCALE, clip, decode, encode


def test_a_code_is_the_shift_and_the_logarithm_in_units_of_the_reference():
    reference = torch.tensor([[10.0, 20.0, 14.0, 30.0]])  # 4 × 10 around (12, 25)
    box = torch.tensor([[12.0, 20.0, 20.0, 25.0]])  # 8 × 5 around (16, 22.5)
    code = encode(box, reference, (1.0, 1.0))
    expected = [4 / 4, -2.5 / 10, math.log(2), math.log(0.5)]
    torch.testing.assert_close(code, torch.tensor([expected]))
    weighted = encode(box, reference, (10.0, 5.0))
    expected = [10.0, -2.5, 5 * math.log(2), 5 * math.log(0.5)]
    torch.testing.assert_close(weighted, torch.tensor([expected]))


@pytest.mark.parametrize("axes", [2, 3])
def test_decoding_undoes_encoding(axes):
    torch.manual_seed(0)
    start = torch.rand(2, 50, axes) * 100
    boxes, references = torch.cat([start, start + 1 + torch.rand(2, 50, axes) * 30], dim=2)
    code = encode(boxes, references, (10.0, 5.0))
    torch.testing.assert_close(decode(code, references, (10.0, 5.0)), boxes, atol=1e-3, rtol=0)


def test_an_untrained_network_enlarges_by_no_more_than_the_limit():
    box = decode(torch.full((1, 4), 1e4), torch.tensor([[0.0, 0.0, 2.0, 2.0]]), (1.0, 1.0))
    assert (box[0, 2] - box[0, 0]).item() == pytest.approx(2 * math.exp(MAX_LOG_SCALE))


def test_clipping_leaves_what_lies_in_the_image():
    boxes = torch.tensor([[-3.0, 2.0, 4.0, 99.0], [12.0, 0.0, 15.0, 3.0]])
    expected = torch.tensor([[0.0, 2.0, 4.0, 20.0], [10.0, 0.0, 10.0, 3.0]])
    torch.testing.assert_close(clip(boxes, (10, 20)), expected)
