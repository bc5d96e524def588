"""What Septum's own COCO-panoptic files say of themselves, for who writes and who reads them."""

from __future__ import annotations

BACKGROUND = {"unlabelled": "background"}
"""In ``info``: a pixel of no segment is background, and not void as in COCO's files."""
