"""Names and formats of the cases of the embedded simulated datasets.

The images are drawn by `septum.datasets.demo`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoCases:
    """The cases of one simulated dataset.

    Parameters
    ----------
    cases : tuple of str
        Sorted names of all cases.
    unlabelled : tuple of str
        Names of the cases without labels, which are predicted only.
    image_suffix, label_suffix : str
        Suffixes of the files ``images/<case><suffix>`` and ``labels/<case><suffix>``.
    spatial_dims : int
        Number of axes of the images.
    annotation : str
        ``instance``, ``semantic`` or ``panoptic``, as in the configuration.
    classes : dict of int to (str, str)
        Name and kind (``thing`` or ``stuff``) of each foreground class.
    description : str
        One sentence for people.
    """

    cases: tuple[str, ...]
    unlabelled: tuple[str, ...]
    image_suffix: str
    label_suffix: str
    spatial_dims: int
    annotation: str
    classes: dict[int, tuple[str, str]]
    description: str


def _names(labelled: int, unlabelled: int, word: str) -> dict[str, tuple[str, ...]]:
    new_images = tuple(f"new_{i:02d}" for i in range(1, unlabelled + 1))
    annotated = tuple(f"{word}_{i:02d}" for i in range(1, labelled + 1))
    return {"cases": tuple(sorted(annotated + new_images)), "unlabelled": new_images}


DEMO_CASES: dict[str, DemoCases] = {
    "nuclei": DemoCases(
        **_names(24, 2, "field"),
        image_suffix=".png",
        label_suffix=".tif",
        spatial_dims=2,
        annotation="instance",
        classes={1: ("nucleus", "thing")},
        description="Crowded nuclei in 2-D fluorescence microscopy, 8-bit grey",
    ),
    "tissue": DemoCases(
        **_names(12, 1, "slide"),
        image_suffix=".png",
        label_suffix=".tif",
        spatial_dims=2,
        annotation="panoptic",
        classes={1: ("nucleus", "thing"), 2: ("stroma", "stuff"), 3: ("lumen", "stuff")},
        description="Stained glands in 2-D bright field, RGB: nuclei, stroma and lumen",
    ),
    "volumes": DemoCases(
        **_names(6, 1, "stack"),
        image_suffix=".nii.gz",
        label_suffix=".nii.gz",
        spatial_dims=3,
        annotation="instance",
        classes={1: ("cell", "thing")},
        description="Touching cells in anisotropic 3-D fluorescence stacks, 16-bit",
    ),
}
