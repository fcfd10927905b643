# The explorer: one page that says what came out, plays what was done, and needs nothing but a browser.


# Opus of a few test clips at a few levels: of an effect, or of the originals.
rule render_snippets:
    input:
        clips="<results>/clips.csv",
    output:
        "<results>/snippets/{sound}.json",
    log:
        "<logs>/snippets/{sound}.log",
    benchmark:
        "<benchmarks>/snippets/{sound}.tsv"
    wildcard_constraints:
        sound="|".join(["original", *EFFECTS]),
    conda:
        lambda wildcards: conda_file(explorer.find_environment(plan, wildcards.sound))
    resources:
        mem_mb=2000,
    params:
        code=hash_code("render_snippets"),
        sound=lambda wildcards: explorer.describe_sound(plan, wildcards.sound),
        n_clips=explorer.count_heard_clips(plan),
        labels=LABELS,
        audio=None if IMPORTED else settings.protocol.audio,
    message:
        "Rendering what the explorer plays: {wildcards.sound}"
    script:
        "../workflow_scripts/render_snippets.py"


rule write_explorer:
    input:
        **explorer.list_tables(plan),
        provenance="<results>/tables/provenance.json",
        dropped=[] if IMPORTED else "<results>/tables/dropped_clips.csv",
        snippets=plan.snippets(),
        figures=explorer.list_figures(plan),
        templates=given(list(map(locate, explorer.list_templates()))),
    output:
        "<results>/explorer.html",
    log:
        "<logs>/write_explorer.log",
    benchmark:
        "<benchmarks>/write_explorer.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
    params:
        code=hash_code("write_explorer", *find_declarations(*explorer.list_tables(plan))),
        run=lambda wildcards: plan.describe_run(),
        gains=plan.split_heard()[1],
    message:
        "Writing the explorer"
    script:
        "../workflow_scripts/write_explorer.py"
