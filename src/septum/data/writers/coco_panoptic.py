"""COCO's panoptic format: instances and regions, ``panoptic/<name>.png`` and ``panoptic.json``.

https://cocodataset.org/#format-data, "Panoptic Segmentation". COCO has no background: its 0 is
what nobody labelled, ours what is of no class. The file says so (``info``), and
`septum.stages.prepare.coco_labels` reads it back as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from septum.data.coco_info import BACKGROUND
from septum.data.store import Prediction
from septum.data.writers.coco import CocoWriter, summary
from septum.data.writers.segments import segments


class CocoPanopticWriter(CocoWriter):
    """Write ``panoptic.json``, and a PNG of ids a case."""

    file = "panoptic.json"
    info = BACKGROUND

    def add(
        self,
        folder: Path,
        stem: str,
        prediction: Prediction,
        read_image: Callable[[], np.ndarray],
    ) -> None:
        """Add a case, and write its PNG: ids as R + 256 G + 65,536 B, 0 for nothing."""
        image = self.add_image(prediction)
        ids = np.zeros((image["height"], image["width"]), np.uint32)
        infos = []
        for number, segment in enumerate(segments(prediction, regions=True), start=1):
            rows, columns = segment.mask.shape
            ids[segment.top :, segment.left :][:rows, :columns][segment.mask] = number
            # pixels of a thing that is not told apart are no object
            thing = self.classes[segment.class_id].kind == "thing"
            crowd = int(thing and not segment.number and prediction.instance is not None)
            infos.append({"id": number, **summary(segment), "iscrowd": crowd})
        name = f"{stem}.png"
        (folder / "panoptic").mkdir(exist_ok=True)
        channels = [(ids >> shift & 255).astype(np.uint8) for shift in (0, 8, 16)]
        Image.fromarray(np.stack(channels, axis=-1)).save(folder / "panoptic" / name)
        entry = {"image_id": image["id"], "file_name": name, "segments_info": infos}
        self.annotations.append(entry)
