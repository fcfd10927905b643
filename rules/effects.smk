# Effected audio, a batch of levels at a time: temporary, since all of it would be 400 GB for IRMAS.

# A render job takes every audio slot and an embedding job one of them, so that no batch is
# rendered while another is being embedded: temp() alone does not bound what lies on disk.
AUDIO_SLOTS = 100


rule render_effect:
    input:
        clips="<results>/clips.csv",
        library=library("render_effect"),
    output:
        temp("<results>/audio/{effect}/{batch}.h5"),
    log:
        "<logs>/audio/{effect}/{batch}.log",
    benchmark:
        "<benchmarks>/audio/{effect}/{batch}.tsv"
    priority: 10
    conda:
        "../envs/audio.yaml"
    threads: 16
    resources:
        mem_mb=2000,
        audio_slots=AUDIO_SLOTS,
    params:
        effect="{effect}",
        levels=lambda wildcards: levels.batch_levels(wildcards.batch),
        protocol=lambda wildcards: audio_protocol(wildcards.effect),
    message:
        "Rendering {wildcards.effect} at {wildcards.batch}"
    script:
        "../workflow_scripts/render_effect.py"


rule keep_audio:
    input:
        clips="<results>/clips.csv",
        library=library("keep_audio"),
    output:
        directory("<results>/audio_kept/{effect}/{level}"),
    log:
        "<logs>/audio_kept/{effect}/{level}.log",
    benchmark:
        "<benchmarks>/audio_kept/{effect}/{level}.tsv"
    conda:
        "../envs/audio.yaml"
    threads: 16
    resources:
        mem_mb=2000,
        audio_slots=AUDIO_SLOTS,
    params:
        effect="{effect}",
        level="{level}",
        protocol=lambda wildcards: audio_protocol(wildcards.effect),
    message:
        "Keeping {wildcards.effect} at {wildcards.level} to listen to"
    script:
        "../workflow_scripts/keep_audio.py"
