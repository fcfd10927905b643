# Sections II to IV: a rule for each group of measures, which their files declare.
for job in (job for job in JOBS if job.tables):

    rule:
        name:
            f"measure_{job.group.name}"
        input:
            **targets.measure_inputs(job, MODEL_NAMES, plan.original),
            clips="<results>/clips.csv",
        output:
            **targets.measure_outputs(job, MODEL_NAMES),
        log:
            f"<logs>/analysis/{targets.folder_of(job)}.log",
        benchmark:
            f"<benchmarks>/analysis/{targets.folder_of(job)}.tsv"
        # Directions first: classifiers, which take longest, need them.
        priority: 5 if job.group.fits_directions else 0
        conda:
            os.path.abspath(job.environment) if job.environment else "../envs/analysis.yaml"
        threads: LABEL_PROCESSES if job.group.shares_labels else 1
        resources:
            mem_mb=targets.memory_of(job.group),
            runtime=targets.minutes_of(job.group),
        params:
            code=hash_code("measure", *job.list_code()),
            models=targets.models_of(job, MODEL_NAMES),
            labels=LABELS,
            neutral=lambda wildcards: settings.declared[wildcards.effect].neutral,
            log_scale=lambda wildcards: settings.declared[wildcards.effect].scale == "log",
            mild_end=lambda wildcards: settings.declared[wildcards.effect].mild_end,
            measures=job.list_calls(settings),
        message:
            targets.message_of(job.group)
        script:
            "../workflow_scripts/measure.py"
