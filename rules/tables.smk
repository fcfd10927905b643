# The tables: results of all models and effects.
for job in JOBS:
    if job.results:

        rule:
            name:
                f"tabulate_{job.group.name}"
            input:
                **targets.parts_of_tables(job.results, MODEL_NAMES, EFFECTS),
                **{name: f"<results>/tables/{name}.csv" for name in job.sources},
            output:
                **{table.name: place_table(job, table) for table in job.results},
            log:
                f"<logs>/tables/{job.group.name}.log",
            benchmark:
                f"<benchmarks>/tables/{job.group.name}.tsv"
            localrule: True
            conda:
                "../envs/analysis.yaml"
            resources:
                mem_mb=2000,
            params:
                code=hash_code("tabulate_measures", *job.list_files(*job.derivations)),
                measures=[chosen[:2] for chosen in job.list_calls(settings)],
                captions=[table.caption for table in job.results if table.caption],
            message:
                f"Writing the tables of {job.group.name}"
            script:
                "../workflow_scripts/tabulate_measures.py"


rule tabulate_provenance:
    input:
        stores=expand("<results>/embeddings/{model}/{effect}.h5", model=MODEL_NAMES, effect=EFFECTS),
    output:
        "<results>/tables/provenance.json",
    log:
        "<logs>/tables/provenance.log",
    benchmark:
        "<benchmarks>/tables/provenance.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
    params:
        code=hash_code("tabulate_provenance"),
    message:
        "Writing down what the embeddings were made of"
    script:
        "../workflow_scripts/tabulate_provenance.py"
