# Predictions against annotations: scores per case, a leaderboard per dataset, one report.


rule evaluate:
    input:
        cases=inputs.all_cases,
        predicted=inputs.all_predicted,
        plan=paths.plan(),
    output:
        cases=report(
            paths.table("cases"),
            caption="captions/cases.rst",
            category="Scores",
            subcategory="{dataset}",
            labels={"experiment": "{experiment}", "table": "per case"},
        ),
        classes=paths.table("classes"),
        pooled=paths.table("pooled"),
        confusion=paths.table("confusion"),
        objects=paths.objects(),
    log:
        paths.experiment_log("evaluate"),
    benchmark:
        paths.experiment_log("evaluate", "tsv")
    conda:
        ENVIRONMENT
    threads: 8
    resources:
        mem_mb=resources.case_mem_mb(2000, bytes_per_pixel=60, case_per_thread=True),
        runtime=120,
    params:
        settings=settings.evaluate,
        code=code.of("septum.stages.evaluate.stage"),
    shell:
        "python -m septum evaluate --settings {params.settings:q} --cases {input.cases:q} "
        "--predicted {input.predicted:q} --plan {input.plan:q} --threads {threads} "
        "--out-cases {output.cases:q} --out-classes {output.classes:q} "
        "--out-pooled {output.pooled:q} --out-confusion {output.confusion:q} "
        "--out-objects {output.objects:q} > {log:q} 2>&1"


rule leaderboard:
    input:
        scores=inputs.scores,
        costs=inputs.costs,
    output:
        report(
            paths.leaderboard(),
            caption="captions/leaderboard.rst",
            category="Leaderboard",
            labels={"dataset": "{dataset}"},
        ),
    log:
        paths.dataset_log("leaderboard"),
    benchmark:
        paths.dataset_log("leaderboard", "tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=resources.mem_mb(2000),
        runtime=20,
    params:
        dataset=settings.dataset,
        experiments=settings.experiments,
        baselines=settings.baselines,
        settings=settings.leaderboard,
        seed=settings.seed,
        code=code.of("septum.stages.leaderboard.stage"),
    shell:
        "python -m septum rank --dataset={params.dataset:q} --settings {params.settings:q} "
        "--seed {params.seed} --scores {input.scores:q} --costs {input.costs:q} "
        "--baselines {params.baselines:q} "
        "--out {output:q} > {log:q} 2>&1"


rule report:
    input:
        inputs.all_results,
    output:
        report(
            paths.report(),
            caption="captions/report.rst",
            category="Report",
        ),
    log:
        paths.run_log("report"),
    benchmark:
        paths.run_log("report", "tsv")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=resources.mem_mb(4000),
        runtime=60,
    params:
        # written when a run starts; what it says counts by `shown`
        contents=paths.report_contents(),
        shown=settings.report,
        seed=settings.seed,
        code=code.of("septum.stages.report.stage"),
    shell:
        "python -m septum report --contents {params.contents:q} --seed {params.seed} "
        "--out {output:q} > {log:q} 2>&1"
