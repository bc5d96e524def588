# Images and labels of any format -> canonical cases, derived settings, copies, weight maps.


rule demo:
    output:
        directory(paths.demo()),
    log:
        paths.dataset_log("demo"),
    benchmark:
        paths.dataset_log("demo", "tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=resources.mem_mb(2000),
        runtime=10,
    params:
        kind=settings.demo_kind,
        seed=settings.seed,
        code=code.of("septum.datasets.demo"),
    shell:
        "python -m septum demo {params.kind} --seed {params.seed} --out {output:q} > {log:q} 2>&1"


rule prepare:
    input:
        inputs.batch_files,
    output:
        directory(paths.cases()),
    log:
        paths.dataset_log("prepare/{batch}"),
    benchmark:
        paths.dataset_log("prepare/{batch}", "tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=resources.case_mem_mb(2000, bytes_per_pixel=50),
        runtime=60,
    params:
        dataset=settings.dataset,
        settings=settings.prepare,
        # written when a run starts; what it says, and the files that it names, count by `batch`
        cases=paths.batch_list(),
        batch=settings.batch,
        code=code.with_readers("septum.stages.prepare.stage"),
    shell:
        "python -m septum prepare --dataset={params.dataset:q} --settings {params.settings:q} "
        "--cases {params.cases:q} --out {output:q} > {log:q} 2>&1"


# The settings left at `auto`, and who is in which fold.
rule plan:
    input:
        cases=inputs.all_cases,
        split=inputs.split_file,
        table=inputs.group_table,
    output:
        paths.plan(),
    log:
        paths.dataset_log("plan"),
    benchmark:
        paths.dataset_log("plan", "tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=resources.case_mem_mb(2000, bytes_per_pixel=65),
        runtime=120,
    params:
        dataset=settings.dataset,
        settings=settings.plan,
        seed=settings.seed,
        code=code.of("septum.stages.plan.stage", "septum.workflow.groups"),
    shell:
        "python -m septum plan --dataset={params.dataset:q} --settings {params.settings:q} "
        "--seed {params.seed} --cases {input.cases:q} --split {input.split:q} "
        "--table {input.table:q} "
        "--out {output:q} 2>&1 | tee {log:q}"


rule augment:
    input:
        paths.cases(),
    output:
        directory(paths.copies()),
    log:
        paths.dataset_log("augment/{batch}"),
    benchmark:
        paths.dataset_log("augment/{batch}", "tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=resources.case_mem_mb(2000, bytes_per_pixel=70),
        runtime=120,
    params:
        dataset=settings.dataset,
        settings=settings.augment,
        seed=settings.seed,
        code=code.of("septum.stages.augment.stage"),
    shell:
        "python -m septum augment --dataset={params.dataset:q} --settings {params.settings:q} "
        "--seed {params.seed} --cases {input:q} --out {output:q} > {log:q} 2>&1"


rule weights:
    input:
        cases=paths.cases(),
        copies=inputs.copies_of_batch,
        plan=paths.plan(),
    output:
        directory(paths.weights()),
    log:
        paths.dataset_log("weights/{batch}"),
    benchmark:
        paths.dataset_log("weights/{batch}", "tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=resources.case_mem_mb(2000, bytes_per_pixel=65),
        runtime=120,
    params:
        settings=settings.weights,
        code=code.of("septum.stages.weights.stage"),
    shell:
        "python -m septum weights --settings {params.settings:q} --cases {input.cases:q} "
        "--copies {input.copies:q} --plan {input.plan:q} --out {output:q} > {log:q} 2>&1"
