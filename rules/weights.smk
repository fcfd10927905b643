# The published weights, downloaded once for all experiments or taken from a file on this machine.
import re

from embedding_sensitivity.downloads import published_files

call_or_exit(published_files.check_mirrors, settings.mirrors, SOURCE, settings.sources)
call_or_exit(published_files.check_local_weights, settings.choices, SOURCE)
call_or_exit(plan.check_weights)


# On a cluster it runs where Snakemake does: compute nodes often have no network. Downloads are kept
# in resources/downloads, so running it again, for another mirror say, downloads nothing; what has
# no published hash is pinned in resources/weights.lock, which the jobs that embed compare with.
rule fetch_weights:
    input:
        local=lambda wildcards: given(
            published_files.local_weights(settings.choices, source_of(wildcards))
        ),
    output:
        "<resources>/weights/{file}",
    log:
        "<logs>/weights/{file}.log",
    benchmark:
        "<benchmarks>/weights/{file}.tsv"
    wildcard_constraints:
        file="|".join(re.escape(name) for name in published_files.weights_files(settings.sources)),
    # Before anything else: where there is no network, that shows at once.
    priority: 100
    localrule: True
    # It needs the standard library alone; this environment is one that every experiment has.
    conda:
        "../envs/audio.yaml"
    resources:
        mem_mb=500,
        # Where from, which is no parameter: another mirror has the same file.
        url=lambda wildcards: settings.mirrors.get(source_of(wildcards).name, ""),
    params:
        model=lambda wildcards: source_of(wildcards).model,
        # Of a user's model: the file that declares it.
        declared_in=lambda wildcards: declared_in(source_of(wildcards).model),
    message:
        "Fetching {wildcards.file}"
    script:
        "../workflow_scripts/fetch_weights.py"


if unknown := plan.unknown_weights():
    # What embeddings are named by is known when it is fetched.
    internals.make_checkpoint(
        workflow, checkpoints, f"resources/weights/{unknown[0]}", "fetch_weights"
    )
    plan.wait_for_weights = lambda name: checkpoints.fetch_weights.get(file=name)
