"""The classes of all heads, by their names."""

from __future__ import annotations

from septum.config import registry
from septum.heads.base import head_class

HEADS = {name: head_class(name) for name in registry.HEADS}
