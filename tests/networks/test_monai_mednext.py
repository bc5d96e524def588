"""MedNeXt: the blocks of the paper's table."""

from __future__ import annotations

from monai.networks.blocks.mednext_block import MedNeXtBlock
from small_networks import without_memory


def test_mednext_blocks_are_the_paper_s_table():
    network = without_memory("monai:MedNeXt", 2, 1, 2, variant="L", width=1, kernel=5).net
    stages = [*network.enc_stages, network.bottleneck, *network.dec_stages]
    assert [len(stage) for stage in stages] == [3, 4, 8, 8, 8, 8, 8, 4, 3]
    ratios = [stage[0].conv2.out_channels // stage[0].conv2.in_channels for stage in stages]
    assert ratios == [3, 4, 8, 8, 8, 8, 8, 4, 3]
    blocks = [m for m in network.modules() if type(m) is MedNeXtBlock]
    assert {block.conv1.kernel_size for block in blocks} == {(5, 5)}
    assert all(block.do_res for block in blocks)
