# All environments of envs/, to build and find them without a config. They are those of the main
# workflow: an environment's folder depends only on its YAML, its post-deploy script and the working
# directory.
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
