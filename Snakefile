# How sensitive are pre-trained audio embeddings to audio effects?
# The stages, in the order data flows, each in its own file.
from snakemake.utils import min_version

min_version("9.27")

# If this is a module after another workflow's rules, that workflow's first rule stays the default.
IS_FIRST = workflow.default_target is None

# Not if --configfile names a file without keys, which is an error.
if not config and not workflow.overwrite_configfiles:

    configfile: "config.yaml"


include: "rules/common.smk"


if IMPORTED:

    include: "rules/imports.smk"

else:

    include: "rules/dataset.smk"
    include: "rules/effects.smk"
    include: "rules/weights.smk"
    include: "rules/embeddings.smk"


include: "rules/stores.smk"
include: "rules/measures.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"
include: "rules/cards.smk"
include: "rules/comparison.smk"
include: "rules/explorer.smk"
include: "rules/manifest.smk"


if not IS_MODULE:

    report: "report/workflow.rst"


onstart:
    call_or_exit(plan.check_writable)
    call_or_exit(internals.check_jobs_left_on_slurm, workflow)


onsuccess:
    say_what_was_made()


onerror:
    say_what_is_missing()


rule all:
    default_target: IS_FIRST
    input:
        call_or_exit(plan.figures),
        # Everything else that is kept, intermediate files too: a deleted one is made again.
        lambda wildcards: plan.kept_outputs(),
        "<results>/manifest.json",
    localrule: True


# Everything but the figures, and the manifest, which lists them.
rule tables:
    input:
        plan.tables(),
        plan.model_stores(),
        lambda wildcards: plan.kept_audio(),
    localrule: True
