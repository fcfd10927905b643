"""Write hashes of a run's inputs and outputs, to compare them later."""

import json
import sys
from pathlib import Path

from embedding_sensitivity.clips.clip import read_clips
from embedding_sensitivity.experiment import manifest
from embedding_sensitivity.files.logs import configure_logging

ROLES = ("split", "weights", "embeddings", "published_numbers")


def main(snakemake) -> None:
    """Hash inputs, outputs, code and environments; clips have hashes in the index."""
    log = configure_logging(snakemake)
    given, params, threads = snakemake.input, snakemake.params, snakemake.threads
    folder = Path(snakemake.output[0]).parent
    kept = [file for path in given.outputs for file in manifest.files_below(path)]
    outputs = manifest.hash_files(kept, threads)
    inputs = manifest.describe_audio(
        [*given.audio, *given.recordings], read_clips(given.clips), threads
    )
    inputs |= {role: manifest.hash_files(given[role], threads) for role in ROLES}
    weights = {Path(path).name: entry["sha256"] for path, entry in inputs["weights"].items()}
    inputs["downloads"] = {}
    for path, (file_name, hash_kind, digest) in params.downloads.items():
        # Weights without a published hash are not downloads here: they are pinned.
        found = digest or weights[file_name]
        inputs["downloads"][path] = {"hash_kind": hash_kind, "sha256": found}
    config = json.loads(params.config)
    code = (*manifest.code_files(params.root), *params.user_files)
    found = {
        "experiment": config["experiment"],
        "protocol": config.get("protocol"),
        "config": {"sha256": manifest.hash_text(config), "settings": config},
        "code": manifest.code_version(code, params.root) | manifest.commit_of(params.root),
        "environments": manifest.describe_environments(params.stacks, params.root, sys.prefix),
        "inputs": inputs,
        "folders": params.folders,
        "pinned": params.pinned,
        "left_out": params.left_out,
        "outputs": {str(Path(path).relative_to(folder)): outputs[path] for path in sorted(outputs)},
    }
    manifest.write(snakemake.output[0], found)
    size = sum(entry["bytes"] for entry in outputs.values())
    log.info("%d files of %d bytes, of code %s", len(outputs), size, found["code"]["sha256"])


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
