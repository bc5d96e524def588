"""The tiny configuration, run to its end once for all tests of the workflow."""

from __future__ import annotations

import pytest
from workflow_copy import Workflow


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Workflow:
    """The tiny configuration, run to its end once for all tests."""
    workflow = Workflow(tmp_path_factory.mktemp("workflow"))
    workflow.run()
    return workflow
