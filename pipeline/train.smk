# One network of one fold. Checkpoints lie beside the model, undeclared, so that a training
# that was cut off resumes from them: Snakemake deletes declared outputs of a failed job.


rule train:
    input:
        cases=batch_folders("cases"),
        copies=all_copies,
        weights=all_weights,
        plan=f"{RESULTS}/{{dataset}}/plan.json",
        start=start_weights,
    output:
        model=f"{RESULTS}/{{dataset}}/{{experiment}}/fold{{fold}}/model.safetensors",
        costs=f"{RESULTS}/{{dataset}}/{{experiment}}/fold{{fold}}/costs.json",
    log:
        f"{RESULTS}/{{dataset}}/{{experiment}}/logs/train_fold{{fold}}.log",
    benchmark:
        f"{RESULTS}/{{dataset}}/{{experiment}}/logs/train_fold{{fold}}.tsv"
    wildcard_constraints:
        experiment=one_of(NETWORKS),
    conda:
        ENVIRONMENT
    threads: train_threads
    resources:
        mem_mb=mem_mb(16000),
        runtime=1440,
        gpu=gpus("train"),
    params:
        settings=train_settings,
        seed=train_seed,
        code=network_code("septum.stages.train.stage"),
    shell:
        "python -m septum train --settings {params.settings:q} --fold {wildcards.fold} "
        "--seed {params.seed} --cases {input.cases:q} --copies {input.copies:q} "
        "--weights {input.weights:q} --plan {input.plan:q} --start {input.start:q} "
        "--code {params.code} "
        "--threads {threads} --out {output.model:q} 2>&1 | tee {log:q}"
