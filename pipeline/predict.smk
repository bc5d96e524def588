# Trained networks -> instances of every test, validation and unlabelled case.


rule predict:
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
        experiment=one_of(study.of_kind("network")),
    conda:
        ENVIRONMENT
    threads: resources.predict_threads
    resources:
        mem_mb=resources.predict_mem_mb,
        runtime=240,
        gpu=resources.gpus("predict"),
    params:
        settings=settings.predict,
        code=code.with_network("septum.stages.predict.stage"),
    shell:
        "python -m septum predict-cases --settings {params.settings:q} --cases {input.cases:q} "
        "--model {input.models:q} --plan {input.plan:q} --threads {threads} "
        "--costs {output.costs:q} --out {output.predicted:q} > {log:q} 2>&1"


# The same predictions in the format, geometry and name of the images they belong to, and beside
# them their objects in the formats that `export` names.
rule export:
    input:
        predicted=inputs.all_predicted,
        cases=inputs.all_cases,
        plan=paths.plan(),
    output:
        directory(paths.predictions()),
    log:
        paths.experiment_log("export"),
    benchmark:
        paths.experiment_log("export", "tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=resources.case_mem_mb(2000, bytes_per_pixel=30),
        runtime=120,
    params:
        settings=settings.export,
        code=code.with_writers("septum.stages.export.stage"),
    shell:
        "python -m septum export --settings {params.settings:q} --predicted {input.predicted:q} "
        "--cases {input.cases:q} --plan {input.plan:q} --out {output:q} > {log:q} 2>&1"
