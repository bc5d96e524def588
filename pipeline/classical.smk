# Classical baselines: tuned on the validation cases of a fold, they predict like networks.


rule fit:
    input:
        cases=inputs.all_cases,
        plan=paths.plan(),
    output:
        parameters=paths.parameters(),
        costs=paths.fold_costs(),
    log:
        paths.experiment_log("fit_fold{fold}"),
    benchmark:
        paths.experiment_log("fit_fold{fold}", "tsv")
    wildcard_constraints:
        experiment=one_of(study.of_kind("classical")),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=resources.mem_mb(4000),
        runtime=240,
    params:
        settings=settings.fit,
        code=code.with_baseline("septum.stages.tune.baseline"),
    shell:
        "python -m septum fit --settings {params.settings:q} --fold {wildcards.fold} "
        "--cases {input.cases:q} --plan {input.plan:q} --code {params.code} "
        "--threads {threads} "
        "--out {output.parameters:q} > {log:q} 2>&1"


rule predict_classical:
    input:
        cases=paths.cases(),
        models=inputs.models,
        plan=paths.plan(),
    output:
        predicted=directory(paths.predicted()),
        costs=paths.batch_costs(),
    log:
        paths.experiment_log("predict/{batch}"),
    benchmark:
        paths.experiment_log("predict/{batch}", "tsv")
    wildcard_constraints:
        experiment=one_of(study.of_kind("classical")),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=resources.case_mem_mb(2000, bytes_per_pixel=500),
        runtime=720,
    params:
        code=code.with_baseline("septum.stages.predict.classical"),
    shell:
        "python -m septum predict-cases-classical --cases {input.cases:q} --model {input.models:q} "
        "--plan {input.plan:q} --threads {threads} "
        "--costs {output.costs:q} --out {output.predicted:q} > {log:q} 2>&1"
