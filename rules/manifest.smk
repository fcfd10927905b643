# Last of a run: what it was made of and what it made, in hashes (`make verify` compares them). A
# report is made after the run, and isn't in it.
rule write_manifest:
    input:
        outputs=lambda wildcards: plan.kept_outputs(),
        clips="<results>/clips.csv",
        # Ancient: of IRMAS the archive's hash is known.
        audio=ancient(plan.source.audio) if IRMAS else given(plan.source.audio),
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
        # All of the checkout's: what a comment is to a run, it isn't to who looks up its lines.
        code=lambda wildcards: plan.code_version(),
        user_files=settings.user_files,
        # As text, so that the order of its keys is no change.
        config=json.dumps(dump_settings(settings), sort_keys=True),
        stacks=plan.stacks(),
        downloads=plan.downloads(),
        pinned=plan.pinned_weights(),
        folders=plan.source.folders,
        root=os.path.relpath(CHECKOUT),
    message:
        "Writing down what was made of what"
    script:
        "../workflow_scripts/write_manifest.py"
