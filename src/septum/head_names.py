"""What the configuration knows of the heads (`septum.heads`) without importing them."""

from __future__ import annotations

# the ways of each head to instances (`septum.decode`), the simplest first
METHODS = {
    "semantic": ("components", "watershed"),
    "border": ("components", "watershed"),
    "distance": ("watershed",),
    "stardist": ("stars",),
    "flows": ("flows",),
}
# heads that need single objects (`septum.regression`)
REGRESSING = ("distance", "stardist", "flows")
