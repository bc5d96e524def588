# Merges of two experiments to panoptic maps: the objects of one, the classes of pixels of the other.


rule tune_merge:
    input:
        instances=inputs.merged_predictions(0),
        semantic=inputs.merged_predictions(1),
        cases=inputs.all_cases,
        plan=paths.plan(),
        earlier=inputs.merged_fold_costs,
    output:
        parameters=paths.parameters(),
        costs=paths.fold_costs(),
    log:
        paths.experiment_log("tune_merge_fold{fold}"),
    benchmark:
        paths.experiment_log("tune_merge_fold{fold}", "tsv")
    wildcard_constraints:
        experiment=one_of(study.of_kind("merged")),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=resources.mem_mb(4000),
        runtime=120,
    params:
        settings=settings.tune_merge,
        experiment=settings.experiment,
        code=code.of("septum.stages.merge.stage"),
    shell:
        "python -m septum tune-merge --settings {params.settings:q} "
        "--experiment={params.experiment:q} --fold {wildcards.fold} "
        "--instances {input.instances:q} --semantic {input.semantic:q} --cases {input.cases:q} "
        "--plan {input.plan:q} --earlier {input.earlier:q} --code {params.code} "
        "--threads {threads} --out {output.parameters:q} > {log:q} 2>&1"


rule panoptic_merge:
    input:
        instances=inputs.merged_batch(0),
        semantic=inputs.merged_batch(1),
        parameters=inputs.models,
        earlier=inputs.merged_batch_costs,
    output:
        predicted=directory(paths.predicted()),
        costs=paths.batch_costs(),
    log:
        paths.experiment_log("predict/{batch}"),
    benchmark:
        paths.experiment_log("predict/{batch}", "tsv")
    wildcard_constraints:
        experiment=one_of(study.of_kind("merged")),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=resources.case_mem_mb(2000, bytes_per_pixel=60),
        runtime=120,
    params:
        code=code.of("septum.stages.merge.stage"),
    shell:
        "python -m septum merge --parameters {input.parameters:q} "
        "--instances {input.instances:q} --semantic {input.semantic:q} "
        "--earlier {input.earlier:q} --threads {threads} "
        "--costs {output.costs:q} --out {output.predicted:q} > {log:q} 2>&1"
