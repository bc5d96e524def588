# Trained networks -> instances of every test, validation and unlabelled case.


rule predict:
    input:
        cases=f"{RESULTS}/{{dataset}}/cases/{{batch}}",
        models=all_models,
        plan=f"{RESULTS}/{{dataset}}/plan.json",
    output:
        directory(f"{RESULTS}/{{dataset}}/{{experiment}}/predicted/{{batch}}"),
    log:
        f"{RESULTS}/{{dataset}}/{{experiment}}/logs/predict/{{batch}}.log",
    benchmark:
        f"{RESULTS}/{{dataset}}/{{experiment}}/logs/predict/{{batch}}.tsv"
    params:
        settings=predict_settings,
        code=network_code("septum.inference"),
    threads: 4
    resources:
        mem_mb=mem_mb(8000),
        runtime=240,
        gpu=gpus("predict"),
    conda:
        ENVIRONMENT
    shell:
        "{SEPTUM} predict --settings {params.settings:q} --cases {input.cases:q} "
        "--model {input.models:q} --plan {input.plan:q} --threads {threads} "
        "--out {output:q} > {log:q} 2>&1"


# The same predictions in the format, geometry and name of the images they belong to.
rule export:
    input:
        predicted_folders,
    output:
        directory(f"{RESULTS}/{{dataset}}/{{experiment}}/predictions"),
    log:
        f"{RESULTS}/{{dataset}}/{{experiment}}/logs/export.log",
    benchmark:
        f"{RESULTS}/{{dataset}}/{{experiment}}/logs/export.tsv"
    params:
        code=code_digest("septum.export"),
    threads: 1
    resources:
        mem_mb=mem_mb(4000),
        runtime=120,
    conda:
        ENVIRONMENT
    shell:
        "{SEPTUM} export --predicted {input:q} --out {output:q} > {log:q} 2>&1"
