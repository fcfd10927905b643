# Effected audio, a batch of levels at a time. It is temporary: for IRMAS all of it has 400 GB.

# A render job takes all audio slots, an embedding job one: so no batch is rendered while another is
# embedded. temp() alone does not limit the files on disk.
AUDIO_SLOTS = 100


rule render_effect:
    input:
        clips="<results>/clips.csv",
    output:
        temp("<results>/audio/{effect}/{part}.h5"),
    log:
        "<logs>/audio/{effect}/{part}.log",
    benchmark:
        "<benchmarks>/audio/{effect}/{part}.tsv"
    wildcard_constraints:
        part=PART,
    priority: 10
    conda:
        lambda wildcards: conda_file(settings.declared[wildcards.effect].environment)
    threads: 16
    resources:
        mem_mb=2000,
        audio_slots=AUDIO_SLOTS,
    params:
        effect="{effect}",
        entry=lambda wildcards: settings.effects[wildcards.effect].entry,
        levels=lambda wildcards: levels.part_levels(wildcards.part),
        protocol=lambda wildcards: plan.audio_protocol(wildcards.effect),
    message:
        "Rendering {wildcards.effect} at {wildcards.part}"
    script:
        "../workflow_scripts/render_effect.py"


rule keep_audio:
    input:
        unpack(inputs_of_kept_audio),
    output:
        internals.named_by_identity(directory("<results>/audio_kept/{effect}/{part}")),
    log:
        "<logs>/audio_kept/{effect}/{part}.log",
    benchmark:
        "<benchmarks>/audio_kept/{effect}/{part}.tsv"
    wildcard_constraints:
        part=PART,
    conda:
        lambda wildcards: conda_file(settings.declared[wildcards.effect].environment)
    threads: 16
    resources:
        mem_mb=2000,
        audio_slots=AUDIO_SLOTS,
    params:
        effect="{effect}",
        entry=lambda wildcards: settings.effects[wildcards.effect].entry,
        levels=lambda wildcards: levels.part_levels(wildcards.part),
        protocol=lambda wildcards: plan.audio_protocol(wildcards.effect),
    message:
        "Keeping {wildcards.effect} at {wildcards.part} to listen to"
    script:
        "../workflow_scripts/keep_audio.py"


# On a sample of clips. No embedding depends on it.
rule compare_signals:
    input:
        unpack(inputs_of_signal),
    output:
        internals.named_by_identity("<results>/signal/{effect}/{part}.csv"),
    log:
        "<logs>/signal/{effect}/{part}.log",
    benchmark:
        "<benchmarks>/signal/{effect}/{part}.tsv"
    wildcard_constraints:
        part=PART,
    priority: 20
    conda:
        "../envs/audio.yaml"
    resources:
        mem_mb=1500,
        audio_slots=1,
    params:
        effect="{effect}",
        entry=lambda wildcards: settings.effects[wildcards.effect].entry,
        levels=lambda wildcards: levels.part_levels(wildcards.part),
        protocol=lambda wildcards: plan.audio_protocol(wildcards.effect),
    message:
        "Measuring what {wildcards.effect} at {wildcards.part} changes of the signal"
    script:
        "../workflow_scripts/compare_signals.py"


rule tabulate_signal_change:
    input:
        lambda wildcards: [part for effect in EFFECTS for part in plan.signal_parts(effect)],
    output:
        add_download("signal_change", "1. Impact (section II)"),
    log:
        "<logs>/tables/signal_change.log",
    benchmark:
        "<benchmarks>/tables/signal_change.tsv"
    localrule: True
    conda:
        "../envs/audio.yaml"
    resources:
        mem_mb=1000,
    params:
        code=hash_code("tabulate_signal_change"),
        levels={effect: plan.levels(effect) for effect in EFFECTS},
        labels=LABELS,
    message:
        "Writing down what effects change of the signal"
    script:
        "../workflow_scripts/tabulate_signal_change.py"
