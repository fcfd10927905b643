# Audio in, clips.csv out: the clips, and which part of the split each is in.

# Clips that are up to date are not made again (`experiment/data.py`).
if DEMO:
    as_made = internals.named_by_identity if plan.source.rendered else lambda files: files

    rule render_demo_clips:
        output:
            clips=as_made(plan.source.audio),
            split=as_made(plan.source.split[0]),
            identity=as_made(plan.source.mark),
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
            identity=plan.source.fixed_by,
        message:
            "Rendering the demo's clips from the soundfont"
        script:
            "../workflow_scripts/render_demo_clips.py"


# Downloads are kept in resources/downloads, so that nothing is downloaded twice.
if "irmas" in plan.source.downloads:

    rule download_irmas:
        input:
            local=given([settings.data.local] if settings.data.local else []),
        output:
            directory(plan.source.audio[0]),
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
            code=hash_code("download_irmas"),
            url=settings.mirrors.get("irmas"),
        message:
            "Fetching IRMAS (CC BY-NC-SA 3.0) and unpacking it"
        script:
            "../workflow_scripts/download_irmas.py"


if "split" in plan.source.downloads:

    rule download_split:
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
            code=hash_code("download_split"),
            url=settings.mirrors.get("split"),
        message:
            "Fetching the authors' split"
        script:
            "../workflow_scripts/download_split.py"


# Nor is an index that is up to date with audio, split and settings. Audio is known by content: IRMAS
# by the hash of its archive, other files by the record that the job leaves (`experiment/clip_index.py`).
as_indexed = internals.named_by_identity if plan.index.finished else lambda file: file


rule index_clips:
    input:
        unpack(inputs_of_index),
    output:
        clips=as_indexed("<results>/clips.csv"),
        report=as_indexed(
            add_to_report(
                "<results>/clips_report.csv", "clips_report_csv", "Clips", "clips_report.csv"
            )
        ),
        dropped=as_indexed(add_download("dropped_clips", "Clips")),
        recordings=as_indexed(add_download("recordings", "Clips")),
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
        local_folder=IRMAS and plan.source.local_folder,
        split_sha256=(
            published_files.SOURCES["split"].digest if "split" in plan.source.downloads else None
        ),
        labels=settings.data.labels,
        analysed=LABELS,
        folder=settings.data.folder if settings.data.source == "folder" else None,
        group=getattr(settings.data, "group", None),
        samplerate=settings.data.samplerate,
        channels=settings.data.channels,
        on_bad_clip=settings.data.on_bad_clip,
        convert=settings.data.convert,
        unreadable=plan.source.unreadable,
        keep_unsplit=settings.protocol.reverb_state == "carried",
        made_by=plan.index.made_by,
        rendered_by=plan.source.fixed_by if DEMO else "",
        content=plan.index.content,
        identity=plan.index.new_identity,
        decided=plan.index.identity is not None,
    message:
        "Checking and indexing the clips"
    script:
        "../workflow_scripts/index_clips.py"


if plan.index.identity is None:
    # Only the new index tells whether the clips are the same as before.
    internals.make_checkpoint(workflow, checkpoints, f"{RESULTS}/clips.csv", "index_clips")
    plan.wait_for_index = checkpoints.index_clips.get
