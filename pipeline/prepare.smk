# Images and labels of any format -> canonical cases, derived settings, copies, weight maps.


rule demo:
    output:
        directory(f"{RESULTS}/{{dataset}}/demo"),
    log:
        f"{RESULTS}/{{dataset}}/logs/demo.log",
    benchmark:
        f"{RESULTS}/{{dataset}}/logs/demo.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=10,
    params:
        kind=demo_kind,
        seed=CONFIG.seed,
        code=code_digest("septum.datasets.demo"),
    shell:
        "python -m septum demo {params.kind} --seed {params.seed} --out {output:q} > {log:q} 2>&1"


rule prepare:
    input:
        batch_files,
    output:
        directory(f"{RESULTS}/{{dataset}}/cases/{{batch}}"),
    log:
        f"{RESULTS}/{{dataset}}/logs/prepare/{{batch}}.log",
    benchmark:
        f"{RESULTS}/{{dataset}}/logs/prepare/{{batch}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=case_mem_mb(2000, bytes_per_pixel=50),
        runtime=60,
    params:
        dataset=dataset_name,
        settings=prepare_settings,
        cases=batch_cases,
        contents=batch_contents,
        code=code_digest("septum.stages.prepare.stage"),
    shell:
        "python -m septum prepare --dataset={params.dataset:q} --settings {params.settings:q} "
        "--cases {params.cases:q} --out {output:q} > {log:q} 2>&1"


# The settings left at `auto`, and who is in which fold.
rule plan:
    input:
        cases=batch_folders("cases"),
        split=split_file,
        table=group_table,
    output:
        f"{RESULTS}/{{dataset}}/plan.json",
    log:
        f"{RESULTS}/{{dataset}}/logs/plan.log",
    benchmark:
        f"{RESULTS}/{{dataset}}/logs/plan.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=case_mem_mb(2000, bytes_per_pixel=65),
        runtime=120,
    params:
        dataset=dataset_name,
        settings=plan_settings,
        seed=CONFIG.seed,
        code=code_digest("septum.stages.plan.stage"),
    shell:
        "python -m septum plan --dataset={params.dataset:q} --settings {params.settings:q} "
        "--seed {params.seed} --cases {input.cases:q} --split {input.split:q} "
        "--table {input.table:q} "
        "--out {output:q} 2>&1 | tee {log:q}"


rule augment:
    input:
        f"{RESULTS}/{{dataset}}/cases/{{batch}}",
    output:
        directory(f"{RESULTS}/{{dataset}}/copies/{{batch}}"),
    log:
        f"{RESULTS}/{{dataset}}/logs/augment/{{batch}}.log",
    benchmark:
        f"{RESULTS}/{{dataset}}/logs/augment/{{batch}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=case_mem_mb(2000, bytes_per_pixel=70),
        runtime=120,
    params:
        dataset=dataset_name,
        settings=augment_settings,
        seed=CONFIG.seed,
        code=code_digest("septum.stages.augment.stage"),
    shell:
        "python -m septum augment --dataset={params.dataset:q} --settings {params.settings:q} "
        "--seed {params.seed} --cases {input:q} --out {output:q} > {log:q} 2>&1"


rule weights:
    input:
        cases=f"{RESULTS}/{{dataset}}/cases/{{batch}}",
        copies=copies_of_batch,
        plan=f"{RESULTS}/{{dataset}}/plan.json",
    output:
        directory(f"{RESULTS}/{{dataset}}/weights/{{batch}}"),
    log:
        f"{RESULTS}/{{dataset}}/logs/weights/{{batch}}.log",
    benchmark:
        f"{RESULTS}/{{dataset}}/logs/weights/{{batch}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=case_mem_mb(2000, bytes_per_pixel=65),
        runtime=120,
    params:
        settings=weights_settings,
        code=code_digest("septum.stages.weights.stage"),
    shell:
        "python -m septum weights --settings {params.settings:q} --cases {input.cases:q} "
        "--copies {input.copies:q} --plan {input.plan:q} --out {output:q} > {log:q} 2>&1"
