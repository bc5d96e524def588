# One network of one fold. Checkpoints lie beside the weights file, undeclared, so that a training
# that was cut off resumes from them: Snakemake deletes declared outputs of a failed job.


rule train:
    input:
        cases=inputs.all_cases,
        copies=inputs.all_copies,
        weights=inputs.all_weights,
        plan=paths.plan(),
        start=inputs.start,
    output:
        weights=paths.trained_weights(),
        costs=paths.fold_costs(),
    log:
        paths.experiment_log("train_fold{fold}"),
    benchmark:
        paths.experiment_log("train_fold{fold}", "tsv")
    wildcard_constraints:
        experiment=one_of(study.of_kind("network")),
    conda:
        ENVIRONMENT
    threads: resources.train_threads
    resources:
        mem_mb=resources.mem_mb(16000),
        runtime=1440,
        gpu=resources.gpus("train"),
    params:
        settings=settings.train,
        seed=settings.train_seed,
        code=code.with_network("septum.stages.train.stage", decodes=False),
    shell:
        "python -m septum train --settings {params.settings:q} --fold {wildcards.fold} "
        "--seed {params.seed} --cases {input.cases:q} --copies {input.copies:q} "
        "--weights {input.weights:q} --plan {input.plan:q} --start {input.start:q} "
        "--code {params.code} "
        "--threads {threads} --out {output.weights:q} 2>&1 | tee {log:q}"


# The decoder of that network, tuned on the validation cases of its fold.
rule tune:
    input:
        weights=paths.trained_weights(),
        cases=inputs.all_cases,
        plan=paths.plan(),
    output:
        model=paths.model(),
        costs=paths.tuning_costs(),
    log:
        paths.experiment_log("tune_fold{fold}"),
    benchmark:
        paths.experiment_log("tune_fold{fold}", "tsv")
    wildcard_constraints:
        experiment=one_of(study.of_kind("network")),
    conda:
        ENVIRONMENT
    threads: resources.tune_threads
    resources:
        mem_mb=resources.mem_mb(16000),
        runtime=240,
        gpu=resources.gpus("predict"),
    params:
        settings=settings.tune,
        code=code.with_network("septum.stages.tune.stage"),
    shell:
        "python -m septum tune --settings {params.settings:q} --weights {input.weights:q} "
        "--cases {input.cases:q} --plan {input.plan:q} --code {params.code} "
        "--threads {threads} --out {output.model:q} > {log:q} 2>&1"
