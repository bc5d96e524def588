"""SwinUNETR: options reach the library."""

from __future__ import annotations

from small_networks import without_memory


def test_swin_unetr_options_reach_the_library():
    plain = without_memory("monai:SwinUNETR", 2, 1, 2, width=24, depths=[1, 2, 3, 4], window=5)
    assert [
        len(layer[0].blocks) for layer in (plain.net.swinViT.layers1, plain.net.swinViT.layers4)
    ] == [1, 4]
    assert plain.net.swinViT.window_size == (5, 5)
    v2 = without_memory(
        "monai:SwinUNETR", 2, 1, 2, width=24, depths=[1, 2, 3, 4], window=5, v2=True
    )
    assert sum(p.numel() for p in v2.parameters()) > sum(p.numel() for p in plain.parameters())
