"""Digests of the code that a rule runs, including modules that its stage looks up by name.

A stage finds its network, head, ways of decoding, readers, writers or baseline by the names in
its settings (`septum.config.registry`), not by import statements. The digest of such a rule
therefore counts these modules in addition to those that the stage imports
(`septum.io.code_digest`): an edit of a module that is used reruns the rule, an edit of another
one does not.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator

from septum.config import registry
from septum.config.dataset import Dataset
from septum.config.reader_by_suffix import readers_of
from septum.config.schema import Run
from septum.data.case_files import CaseFiles
from septum.io.code_digest import code_digest
from septum.workflow.inputs import Wildcards
from septum.workflow.study import Study

_digest = functools.cache(code_digest)


class Code:
    """Digests of the code that rules run, which are parameters of the rules.

    Every method takes the dotted name of a stage's module.

    Parameters
    ----------
    study : Study
    """

    def __init__(self, study: Study) -> None:
        self._study = study

    def of(self, *modules: str) -> str:
        """Return the digest of the modules of a stage that looks up nothing by name."""
        return code_digest(*modules)

    def with_readers(self, stage: str) -> Callable[[Wildcards], str]:
        """Return a params function for the digest of a stage and of the readers of a batch."""

        def digest(wildcards: Wildcards) -> str:
            cases = self._study.batches[wildcards.dataset][wildcards.batch]
            return _digest(stage, *reader_addresses(self._study.spec(wildcards.dataset), cases))

        return digest

    def with_network(self, stage: str, *, decodes: bool = True) -> Callable[[Wildcards], str]:
        """Return a params function for the digest of a stage and of a network and its head.

        Ways of decoding are included for a stage that ``decodes``.
        """

        def digest(wildcards: Wildcards) -> str:
            run = self._study.settings(wildcards.dataset, wildcards.experiment)
            return _digest(stage, *network_addresses(run, decodes=decodes))

        return digest

    def with_baseline(self, stage: str) -> Callable[[Wildcards], str]:
        """Return a params function for the digest of a stage and of a baseline's method."""

        def digest(wildcards: Wildcards) -> str:
            baseline = self._study.baseline(wildcards.dataset, wildcards.experiment)
            return _digest(stage, registry.BASELINES[baseline.method].address)

        return digest

    def with_writers(self, stage: str) -> Callable[[Wildcards], str]:
        """Return a params function for the digest of a stage and of a dataset's export formats."""

        def digest(wildcards: Wildcards) -> str:
            formats = self._study.section(wildcards.dataset, "export").formats
            return _digest(stage, *(registry.WRITERS[name].address for name in formats))

        return digest


def network_addresses(run: Run, *, decodes: bool) -> list[str]:
    """Return the addresses of the network and the head of a training.

    With ``decodes``, addresses of ways of decoding are included: of the one that is set, or of all
    ways of the head, since tuning chooses among them.
    """
    head = registry.HEADS[run.head]
    addresses = [registry.NETWORKS[run.network].address, head.address]
    if decodes:
        methods = head.methods if run.decode.method == "auto" else (run.decode.method,)
        addresses += [registry.METHODS[name].address for name in methods]
    return addresses


def reader_addresses(dataset: Dataset, cases: Iterable[CaseFiles]) -> list[str]:
    """Return the addresses of the readers that may read the files of some cases.

    They are chosen by suffix; if a suffix is unknown, all readers are returned
    (`septum.config.reader_by_suffix`).
    """
    readers = readers_of(_read_files(dataset, cases), dataset.reader)
    return [registry.READERS[name].address for name in readers]


def _read_files(dataset: Dataset, cases: Iterable[CaseFiles]) -> Iterator[str]:
    """Yield the files that readers open, which exclude COCO's list of segments, the last file."""
    for case in cases:
        yield from case.images
        labels = case.label_files
        yield from labels[:-1] if dataset.segments is not None else labels
