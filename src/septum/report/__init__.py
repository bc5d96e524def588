"""The report: one HTML file that says which network to trust, by how much, and where it fails."""

from septum.report.html import write_report

__all__ = ["write_report"]
