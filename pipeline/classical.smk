# Classical baselines: tuned on the validation cases of a fold, they predict like networks.


rule fit:
    input:
        cases=batch_folders("cases"),
        plan=f"{RESULTS}/{{dataset}}/plan.json",
    output:
        parameters=f"{RESULTS}/{{dataset}}/{{experiment}}/fold{{fold}}/parameters.json",
        costs=f"{RESULTS}/{{dataset}}/{{experiment}}/fold{{fold}}/costs.json",
    log:
        f"{RESULTS}/{{dataset}}/{{experiment}}/logs/fit_fold{{fold}}.log",
    benchmark:
        f"{RESULTS}/{{dataset}}/{{experiment}}/logs/fit_fold{{fold}}.tsv"
    wildcard_constraints:
        experiment=one_of(BASELINES),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=mem_mb(4000),
        runtime=240,
    params:
        settings=baseline_settings,
        code=baseline_code("septum.stages.tune.baseline"),
    shell:
        "python -m septum fit --settings {params.settings:q} --fold {wildcards.fold} "
        "--cases {input.cases:q} --plan {input.plan:q} --code {params.code} "
        "--threads {threads} "
        "--out {output.parameters:q} > {log:q} 2>&1"


rule predict_classical:
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
        experiment=one_of(BASELINES),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=case_mem_mb(2000, bytes_per_pixel=500),
        runtime=720,
    params:
        code=baseline_code("septum.stages.predict.classical"),
    shell:
        "python -m septum predict --cases {input.cases:q} --model {input.models:q} "
        "--plan {input.plan:q} --threads {threads} "
        "--costs {output.costs:q} --out {output.predicted:q} > {log:q} 2>&1"
