# From a folder of images to trained networks and a per-case report:
#
#   prepare -> augment -> weights -> train -> tune -> predict -> evaluate -> report
#
# `snakemake --cores 8` runs what config.yaml describes; docs/workflow.md explains the rules.

from snakemake.utils import min_version

min_version("9.25")


configfile: workflow.source_path("config.yaml")


report: "pipeline/captions/workflow.rst"


include: "pipeline/common.smk"
include: "pipeline/prepare.smk"
include: "pipeline/train.smk"
include: "pipeline/predict.smk"
include: "pipeline/classical.smk"
include: "pipeline/merge.smk"
include: "pipeline/evaluate.smk"


# Not by a dry run, which writes nothing; a run with --no-hooks does not write them either.
onstart:
    try:
        asked.write_handed_files()
    except SeptumError as error:
        raise WorkflowError(f"the run cannot start\n{error}") from None


wildcard_constraints:
    dataset=one_of(study.datasets),
    experiment=one_of(study.experiments),
    batch=r"\d+of\d+",
    fold=r"\d+",


rule all:
    default_target: True
    input:
        paths.report(),
        inputs.all_predictions(),


# The data made ready, and nothing trained: for a look at the settings derived from it.
rule data:
    input:
        inputs.plans(),
