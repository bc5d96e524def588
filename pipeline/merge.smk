# Merges of two experiments to panoptic maps: the objects of one, the classes of pixels of the other.


rule tune_merge:
    input:
        instances=merged_predictions(0),
        semantic=merged_predictions(1),
        cases=batch_folders("cases"),
        plan=f"{RESULTS}/{{dataset}}/plan.json",
        earlier=merged_costs("fold{fold}/costs.json"),
    output:
        parameters=f"{RESULTS}/{{dataset}}/{{experiment}}/fold{{fold}}/parameters.json",
        costs=f"{RESULTS}/{{dataset}}/{{experiment}}/fold{{fold}}/costs.json",
    log:
        f"{RESULTS}/{{dataset}}/{{experiment}}/logs/tune_merge_fold{{fold}}.log",
    benchmark:
        f"{RESULTS}/{{dataset}}/{{experiment}}/logs/tune_merge_fold{{fold}}.tsv"
    wildcard_constraints:
        experiment=one_of(MERGES),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=mem_mb(4000),
        runtime=120,
    params:
        settings=merge_settings,
        experiment=experiment_name,
        code=code_digest("septum.stages.merge.stage"),
    shell:
        "python -m septum tune-merge --settings {params.settings:q} "
        "--experiment={params.experiment:q} --fold {wildcards.fold} "
        "--instances {input.instances:q} --semantic {input.semantic:q} --cases {input.cases:q} "
        "--plan {input.plan:q} --earlier {input.earlier:q} --code {params.code} "
        "--threads {threads} --out {output.parameters:q} > {log:q} 2>&1"


rule panoptic_merge:
    input:
        instances=merged_predictions(0),
        semantic=merged_predictions(1),
        parameters=all_models,
        earlier=merged_costs("costs/{batch}.json"),
    output:
        predicted=directory(f"{RESULTS}/{{dataset}}/{{experiment}}/predicted/{{batch}}"),
        costs=f"{RESULTS}/{{dataset}}/{{experiment}}/costs/{{batch}}.json",
    log:
        f"{RESULTS}/{{dataset}}/{{experiment}}/logs/predict/{{batch}}.log",
    benchmark:
        f"{RESULTS}/{{dataset}}/{{experiment}}/logs/predict/{{batch}}.tsv"
    wildcard_constraints:
        experiment=one_of(MERGES),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=case_mem_mb(2000, bytes_per_pixel=60),
        runtime=120,
    params:
        code=code_digest("septum.stages.merge.stage"),
    shell:
        "python -m septum merge --parameters {input.parameters:q} "
        "--instances {input.instances:q} --semantic {input.semantic:q} "
        "--earlier {input.earlier:q} --threads {threads} "
        "--costs {output.costs:q} --out {output.predicted:q} > {log:q} 2>&1"
