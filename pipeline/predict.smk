# Trained networks -> instances of every test, validation and unlabelled case.


rule predict:
    input:
        cases=f"{RESULTS}/{{dataset}}/cases/{{batch}}",
        models=all_models,
        plan=f"{RESULTS}/{{dataset}}/plan.json",
    output:
        predicted=directory(f"{RESULTS}/{{dataset}}/{{experiment}}/predicted/{{batch}}"),
        costs=f"{RESULTS}/{{dataset}}/{{experiment}}/costs/{{batch}}.json",
    log:
        f"{RESULTS}/{{dataset}}/{{experiment}}/logs/predict/{{batch}}.log",
    benchmark:
        f"{RESULTS}/{{dataset}}/{{experiment}}/logs/predict/{{batch}}.tsv"
    wildcard_constraints:
        experiment=one_of(NETWORKS),
    conda:
        ENVIRONMENT
    threads: predict_threads
    resources:
        mem_mb=predict_mem_mb,
        runtime=240,
        gpu=gpus("predict"),
    params:
        settings=predict_settings,
        code=network_code("septum.stages.predict.stage"),
    shell:
        "python -m septum predict --settings {params.settings:q} --cases {input.cases:q} "
        "--model {input.models:q} --plan {input.plan:q} --threads {threads} "
        "--costs {output.costs:q} --out {output.predicted:q} > {log:q} 2>&1"


# The same predictions in the format, geometry and name of the images they belong to, and beside
# them their objects in the formats that `export` names.
rule export:
    input:
        predicted=predicted_folders,
        cases=batch_folders("cases"),
        plan=f"{RESULTS}/{{dataset}}/plan.json",
    output:
        directory(f"{RESULTS}/{{dataset}}/{{experiment}}/predictions"),
    log:
        f"{RESULTS}/{{dataset}}/{{experiment}}/logs/export.log",
    benchmark:
        f"{RESULTS}/{{dataset}}/{{experiment}}/logs/export.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=case_mem_mb(2000, bytes_per_pixel=30),
        runtime=120,
    params:
        settings=export_settings,
        code=code_digest("septum.stages.export.stage"),
    shell:
        "python -m septum export --settings {params.settings:q} --predicted {input.predicted:q} "
        "--cases {input.cases:q} --plan {input.plan:q} --out {output:q} > {log:q} 2>&1"
