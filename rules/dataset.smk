# Audio in, clips.csv out: which clips there are and in which part of the split.
from embedding_sensitivity.downloads.sources import SOURCES

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


# Downloads are kept in resources/downloads, so that a rule that runs again downloads nothing.
if IRMAS and not LOCAL_FOLDER:

    rule download_irmas:
        input:
            local=[settings.data.local] if settings.data.local else [],
            library=library("download_irmas"),
        output:
            directory(AUDIO[0]),
        log:
            "<logs>/download_irmas.log",
        benchmark:
            "<benchmarks>/download_irmas.tsv"
        priority: 100
        localrule: True
        conda:
            "../envs/audio.yaml"
        resources:
            mem_mb=500,
        params:
            url=settings.mirrors.get("irmas"),
        message:
            "Fetching IRMAS (CC BY-NC-SA 3.0) and unpacking it"
        script:
            "../workflow_scripts/download_irmas.py"


if PUBLISHED_SPLIT:

    rule download_split:
        input:
            library=library("download_split"),
        output:
            "<resources>/train_test_split.csv",
        log:
            "<logs>/download_split.log",
        benchmark:
            "<benchmarks>/download_split.tsv"
        priority: 100
        localrule: True
        conda:
            "../envs/audio.yaml"
        resources:
            mem_mb=500,
        params:
            url=settings.mirrors.get("split"),
        message:
            "Fetching the authors' split"
        script:
            "../workflow_scripts/download_split.py"


# IRMAS's archive and its published split are pinned by their hashes, and every clip, once it is
# indexed, by its own: `ancient`, so that unpacking the archive anew does not embed anything anew.
rule index_clips:
    input:
        audio=ancient(AUDIO) if IRMAS else AUDIO,
        split=ancient(split_file()) if PUBLISHED_SPLIT else split_file(),
        library=library("index_clips"),
    output:
        clips="<results>/clips.csv",
        report="<results>/clips_report.csv",
        dropped=downloadable("dropped_clips", "Clips"),
    log:
        "<logs>/index_clips.log",
    benchmark:
        "<benchmarks>/index_clips.tsv"
    conda:
        "../envs/audio.yaml"
    resources:
        mem_mb=1000,
    params:
        irmas=IRMAS,
        local_folder=LOCAL_FOLDER,
        split_sha256=SOURCES["split"].digest if PUBLISHED_SPLIT else None,
        labels=settings.data.labels,
        samplerate=settings.data.samplerate,
        channels=settings.data.channels,
        on_bad_clip=settings.data.on_bad_clip,
        unreadable=UNREADABLE,
        keep_unsplit=settings.protocol.reverb_state == "carried",
    message:
        "Checking and indexing the clips"
    script:
        "../workflow_scripts/index_clips.py"
