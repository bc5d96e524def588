"""Septum: biomedical image segmentation from a folder of images to a per-case report."""

__version__ = "0.1.0"
