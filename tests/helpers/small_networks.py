"""Networks with weights that hide nothing, and the count of their parameters."""

from __future__ import annotations

import torch
from torch import nn

from septum.networks import create as models


def network_of(name, spatial_dims, in_channels=1, out_channels=3, seed=0, **options):
    torch.manual_seed(seed)
    network = models.create_network(name, spatial_dims, in_channels, out_channels, **options)
    for parameter in network.parameters():
        if parameter.ndim > 1 and not parameter.any():
            # FCN's scores start at zero: all before them would be hidden
            nn.init.kaiming_normal_(parameter)
    return network


def count_parameters(name, *channels, **options):
    with torch.device("meta"):
        network = models.create_network(name, *channels, **options)
    return sum(p.numel() for p in network.parameters())
