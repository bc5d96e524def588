"""Networks with weights that hide nothing, and the count of their parameters."""

from __future__ import annotations

import torch
from torch import nn

from septum.networks.blocks import Network
from septum.networks.create import create_network


def network_of(name, spatial_dims, in_channels=1, out_channels=3, seed=0, **options):
    torch.manual_seed(seed)
    network = create_network(name, spatial_dims, in_channels, out_channels, **options)
    for parameter in network.parameters():
        if parameter.ndim > 1 and not parameter.any():
            # FCN's scores start at zero: all before them would be hidden
            nn.init.kaiming_normal_(parameter)
    return network


def without_memory(name, *channels, **options):
    """Return a network whose tensors have shapes, and no values."""
    with torch.device("meta"):
        return create_network(name, *channels, **options)


def count_parameters(name, *channels, **options):
    return sum(p.numel() for p in without_memory(name, *channels, **options).parameters())


class Chain(Network):
    """Layers one after the other."""

    def __init__(self, *layers, stride=1):
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.stride = stride

    def forward(self, images):
        return self.layers(images)


class Pointwise(nn.Module):
    """Two classes from a pixel's own value; legal sizes are multiples of ``stride``."""

    margin = 0

    def __init__(self, stride=4):
        super().__init__()
        self.stride = stride
        self.seen = []

    def undo_symmetry(self, spatial_dims, order, flips):
        return [], []

    def legal_size(self, size):
        return tuple(-(-s // self.stride) * self.stride for s in size)

    def predict(self, images):
        assert tuple(images.shape[2:]) == self.legal_size(images.shape[2:])
        self.seen.append(tuple(images.shape))
        foreground = torch.sigmoid(images[:, :1])
        return torch.cat([1 - foreground, foreground], 1)
