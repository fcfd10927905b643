# Audio in, clips.csv out: which clips there are and in which part of the split.
from sensitivity.demo_music import demo_clips

DEMO = settings.data.source == "demo"
DEMO_FOLDER = f"{RESULTS}/clips"


def audio_files() -> list[str]:
    """Every audio file of the experiment, declared one by one so that none changes unseen."""
    if DEMO:
        data = settings.data
        clips = demo_clips(
            data.labels, data.train, data.test, data.parts_per_group, data.seed
        )
        return [f"{DEMO_FOLDER}/{clip.file_name}" for clip in clips]
    return checked(dataset.find_audio, settings.data.folder)


def split_file() -> list[str]:
    if DEMO:
        return [f"{DEMO_FOLDER}/split.csv"]
    return [] if settings.data.split == "generated" else [settings.data.split]


def check_labels() -> None:
    """Refuse a label that the data hasn't got, before anything runs."""
    if DEMO:
        return
    rows = dataset.read_split(settings.data.split) if split_file() else None
    known = dataset.labels_of(AUDIO, rows)
    for key, wanted in (("labels", LABELS), ("data.labels", settings.data.labels or ())):
        for label in wanted:
            if label not in known:
                raise InputError(
                    f"{SOURCE}: {key}: no clip is labelled {label!r}: the labels are "
                    f"{', '.join(known)}"
                )


AUDIO = audio_files()
checked(check_labels)


if DEMO:

    rule render_demo_clips:
        input:
            library=library("render_demo_clips"),
        output:
            clips=AUDIO,
            split=f"{DEMO_FOLDER}/split.csv",
        params:
            demo=settings.data.model_dump(),
        log:
            "<logs>/render_demo_clips.log",
        benchmark:
            "<benchmarks>/render_demo_clips.tsv"
        conda:
            "../envs/audio.yaml"
        resources:
            mem_mb=1000,
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
    params:
        labels=settings.data.labels,
        samplerate=getattr(settings.data, "samplerate", None),
        channels=getattr(settings.data, "channels", None),
        keep_unsplit=settings.protocol.reverb_state == "carried",
    log:
        "<logs>/index_clips.log",
    benchmark:
        "<benchmarks>/index_clips.tsv"
    conda:
        "../envs/audio.yaml"
    resources:
        mem_mb=1000,
    message:
        "Checking and indexing the clips"
    script:
        "../workflow_scripts/index_clips.py"
