# Every environment of envs/, to be built and found without a config and whatever state the results
# are in. They are the main workflow's own: the folder of an environment follows from its YAML, its
# post-deploy script and the working directory alone.
STACKS = glob_wildcards(f"{workflow.basedir}/../envs/{{stack}}.yaml").stack


rule all:
    input:
        expand(".snakemake/never_made/{stack}", stack=STACKS),


rule environment:
    output:
        ".snakemake/never_made/{stack}",
    conda:
        "../envs/{stack}.yaml"
    shell:
        "false"
