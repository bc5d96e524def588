"""The mark of COCO-panoptic files that Septum writes, shared by their writer and reader."""

from __future__ import annotations

BACKGROUND = {"unlabelled": "background"}
"""In ``info``: a pixel of no segment is background, and not void as in COCO's files."""
