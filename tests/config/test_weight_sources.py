"""Where published weights come from, and what is known of their checksum."""

from __future__ import annotations

import pytest

from septum.config.weight_sources import checksum, checksum_problem, is_address

SHA = "397923af" + "0" * 56
ADDRESS = "https://example.org/vgg16-397923af.pth"


@pytest.mark.parametrize(
    ("source", "expected"),
    [(ADDRESS, True), ("http://example.org/a.pth", True), ("/data/vgg16.pth", False)],
)
def test_an_address_is_told_from_a_file(source, expected):
    assert is_address(source) is expected


@pytest.mark.parametrize(
    ("source", "sha256", "digits"),
    [
        (ADDRESS, None, "397923af"),
        (ADDRESS, f"sha256:{SHA.upper()}", SHA),
        ("https://example.org/weights.pth", SHA, SHA),
        ("https://example.org/weights.pth", None, ""),
        ("/data/vgg16-397923af.pth", None, ""),  # a file's name proves nothing
    ],
)
def test_digits_that_are_known(source, sha256, digits):
    assert checksum(source, sha256) == digits


def test_only_a_download_needs_a_checksum():
    assert checksum_problem("key", ADDRESS) is None
    assert checksum_problem("key", "/data/weights.pth") is None
    problem = checksum_problem("experiments.a.pretrained", "https://example.org/weights.pth")
    assert problem.where == "experiments.a.pretrained"
    assert "has no checksum" in problem.what
    assert "sha256sum" in problem.remedy
