# Predictions against annotations: scores per case, a leaderboard per dataset, one report.


rule evaluate:
    input:
        cases=batch_folders("cases"),
        predicted=predicted_folders,
        plan=f"{RESULTS}/{{dataset}}/plan.json",
    output:
        cases=report(
            f"{RESULTS}/{{dataset}}/{{experiment}}/cases.csv",
            caption="captions/cases.rst",
            category="Scores",
            subcategory="{dataset}",
            labels={"experiment": "{experiment}", "table": "per case"},
        ),
        classes=f"{RESULTS}/{{dataset}}/{{experiment}}/classes.csv",
        pooled=f"{RESULTS}/{{dataset}}/{{experiment}}/pooled.csv",
        confusion=f"{RESULTS}/{{dataset}}/{{experiment}}/confusion.csv",
        objects=f"{RESULTS}/{{dataset}}/{{experiment}}/objects.npz",
    log:
        f"{RESULTS}/{{dataset}}/{{experiment}}/logs/evaluate.log",
    benchmark:
        f"{RESULTS}/{{dataset}}/{{experiment}}/logs/evaluate.tsv"
    conda:
        ENVIRONMENT
    threads: 8
    resources:
        mem_mb=case_mem_mb(2000, bytes_per_pixel=60, case_per_thread=True),
        runtime=120,
    params:
        settings=as_json(CONFIG.evaluate),
        code=code_digest("septum.stages.evaluate.stage"),
    shell:
        "python -m septum evaluate --settings {params.settings:q} --cases {input.cases:q} "
        "--predicted {input.predicted:q} --plan {input.plan:q} --threads {threads} "
        "--out-cases {output.cases:q} --out-classes {output.classes:q} "
        "--out-pooled {output.pooled:q} --out-confusion {output.confusion:q} "
        "--out-objects {output.objects:q} > {log:q} 2>&1"


rule leaderboard:
    input:
        scores=scores_of_dataset,
        costs=costs_of_dataset,
    output:
        report(
            f"{RESULTS}/{{dataset}}/leaderboard.csv",
            caption="captions/leaderboard.rst",
            category="Leaderboard",
            labels={"dataset": "{dataset}"},
        ),
    log:
        f"{RESULTS}/{{dataset}}/logs/leaderboard.log",
    benchmark:
        f"{RESULTS}/{{dataset}}/logs/leaderboard.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=20,
    params:
        dataset=dataset_name,
        experiments=experiments_of,
        baselines=baselines_of,
        settings=as_json(some_of(CONFIG.report, "bootstrap")),
        seed=CONFIG.seed,
        code=code_digest("septum.stages.leaderboard.stage"),
    shell:
        "python -m septum leaderboard --dataset={params.dataset:q} --settings {params.settings:q} "
        "--seed {params.seed} --scores {input.scores:q} --costs {input.costs:q} "
        "--baselines {params.baselines:q} "
        "--out {output:q} > {log:q} 2>&1"


rule report:
    input:
        report_inputs,
    output:
        report(
            f"{RESULTS}/report.html",
            caption="captions/report.rst",
            category="Report",
        ),
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/logs/report.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=mem_mb(4000),
        runtime=60,
    params:
        settings=report_settings,
        seed=CONFIG.seed,
        code=code_digest("septum.stages.report.stage"),
    shell:
        "python -m septum report --settings {params.settings:q} --seed {params.seed} "
        "--out {output:q} > {log:q} 2>&1"
