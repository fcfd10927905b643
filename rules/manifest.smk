# The last job: hashes of all inputs and outputs (`make verify` compares them). The report is made after
# the run, so it is not included.
rule write_manifest:
    input:
        outputs=lambda wildcards: plan.kept_outputs(),
        clips="<results>/clips.csv",
        # IRMAS is `ancient`: its archive's hash is known.
        audio=ancient(plan.source.audio) if IRMAS else given(plan.source.audio),
        recordings=given(call_or_exit(plan.recordings)),
        split=given(plan.source.split),
        weights=given(plan.all_weights()),
        embeddings=given(plan.list_imported_files()),
        published_numbers=given(plan.published_numbers()),
    output:
        "<results>/manifest.json",
    log:
        "<logs>/write_manifest.log",
    benchmark:
        "<benchmarks>/write_manifest.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 4
    resources:
        mem_mb=1000,
    params:
        # With comments, so that line numbers match.
        code=lambda wildcards: plan.code_version(),
        user_files=settings.user_files,
        # As text, so that the order of keys does not matter; it may have {level} in it.
        config=lambda wildcards: json.dumps(dump_settings(settings), sort_keys=True),
        stacks=plan.stacks(),
        downloads=plan.downloads(),
        left_out=plan.describe_left_out(),
        pinned=plan.pinned_weights(),
        folders=plan.source.folders,
        root=os.path.relpath(CHECKOUT),
    message:
        "Writing down what was made of what"
    script:
        "../workflow_scripts/write_manifest.py"
