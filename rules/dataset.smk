# Audio in, clips.csv out: which clips there are and in which part of the split.
if DEMO:

    rule render_demo_clips:
        input:
            library=library("render_demo_clips"),
        output:
            clips=AUDIO,
            split=f"{DEMO_FOLDER}/split.csv",
        log:
            "<logs>/render_demo_clips.log",
        benchmark:
            "<benchmarks>/render_demo_clips.tsv"
        conda:
            "../envs/audio.yaml"
        resources:
            mem_mb=1000,
        params:
            demo=settings.data.model_dump(),
        message:
            "Rendering the demo's clips from the soundfont"
        script:
            "../workflow_scripts/render_demo_clips.py"


rule index_clips:
    input:
        audio=AUDIO,
        split=split_file(),
        library=library("index_clips"),
    output:
        "<results>/clips.csv",
    log:
        "<logs>/index_clips.log",
    benchmark:
        "<benchmarks>/index_clips.tsv"
    conda:
        "../envs/audio.yaml"
    resources:
        mem_mb=1000,
    params:
        labels=settings.data.labels,
        samplerate=settings.data.samplerate,
        channels=settings.data.channels,
        keep_unsplit=settings.protocol.reverb_state == "carried",
    message:
        "Checking and indexing the clips"
    script:
        "../workflow_scripts/index_clips.py"
