"""Describe a finished run as a Workflow Run RO-Crate 0.6, from its manifest.

The crate is the experiment's folder: `ro-crate-metadata.json`, and a copy of the Snakefile as its
main workflow. Profile: https://w3id.org/ro/wfrun/workflow/0.6
"""

import json
import mimetypes
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from embedding_sensitivity.commands.checkout import CRATE, CRATE_WORKFLOW, find_root
from embedding_sensitivity.experiment import manifest
from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.errors import InputError

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.6": ("Process Run Crate", "0.6"),
    "https://w3id.org/ro/wfrun/workflow/0.6": ("Workflow Run Crate", "0.6"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.1": ("Workflow RO-Crate", "1.1"),
}
CONTEXT = "https://w3id.org/ro/terms/workflow-run/context"
LICENCE = (
    "Tables, figures and embeddings are made from clips and weights: their licences may limit what "
    "may be done with them. The workflow's code is under the MIT licence."
)


def check_outputs(found: Mapping, folder: Path) -> None:
    """Raise `InputError` for an output that is missing or has another size than the manifest's."""
    for name, entry in found["outputs"].items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != entry["bytes"]:
            raise InputError(f"{path}: isn't as the manifest says: `make verify` says what to do")


def list_inputs(found: Mapping) -> Iterator[dict]:
    """Yield a collection for each role of inputs, with a hash of its files' hashes.

    They lie outside the folder, or are too many to name each: the manifest lists them.
    """
    for role, entries in found["inputs"].items():
        if entries:
            yield {
                "@id": f"#{role}",
                "@type": "Collection",
                "name": role.replace("_", " "),
                "description": f"{len(entries)} files, which manifest.json lists with their hashes",
                "sha256": manifest.hash_text({path: e["sha256"] for path, e in entries.items()}),
            }


def describe_code(found: Mapping) -> dict:
    """Return the properties of the workflow: its version is the commit, or else the code's hash."""
    code = found["code"]
    version = code["commit"] if code.get("commit") and code.get("clean") else code["sha256"]
    return {
        "name": "embedding-sensitivity",
        "description": "Measures how audio embeddings respond to parameterised changes of audio",
        "version": version,
        "sha256": code["files"].get("Snakefile"),
    }


def build(found: Mapping, folder: Path, snakefile: Path, ended: datetime):
    """Return the `rocrate.rocrate.ROCrate` of a run.

    Parameters
    ----------
    found : the manifest
    folder : the experiment's, with all outputs of the manifest
    snakefile : the checkout's
    ended : when the manifest was written, which is the last job
    """
    from rocrate.model import ContextEntity
    from rocrate.rocrate import ROCrate

    def describe(identifier: str, **properties):
        return crate.add(ContextEntity(crate, identifier, properties=properties))

    crate = ROCrate(version="1.3")
    crate.metadata.extra_contexts.append(CONTEXT)
    crate.name = f"embedding-sensitivity: {found['experiment']}"
    crate.description = "How embeddings respond to effects: stores, tables and figures of one run"
    crate.datePublished = ended
    crate.license = describe("#licence", **{"@type": "CreativeWork"}, name=LICENCE)
    workflow = crate.add_workflow(
        snakefile,
        CRATE_WORKFLOW,
        properties=describe_code(found),
        main=True,
        lang="snakemake",
        lang_version=metadata_version("snakemake"),
    )
    for profile, (name, version) in PROFILES.items():
        if crate.get(profile) is None:
            describe(profile, **{"@type": "CreativeWork"}, name=name, version=version)
    crate.root_dataset["conformsTo"] = [{"@id": profile} for profile in PROFILES]
    workflow["softwareRequirements"] = [
        describe(
            f"#environment-{stack}",
            **{"@type": "SoftwareApplication"},
            name=f"environment {stack}",
            version=manifest.hash_text(environment["files"]),
            description=json.dumps(environment["packages"], sort_keys=True),
        )
        for stack, environment in found["environments"].items()
    ]
    results = [add_file(crate, folder, manifest.NAME, {})]
    results += [add_file(crate, folder, *item) for item in sorted(found["outputs"].items())]
    config = describe(
        "#config",
        **{"@type": "PropertyValue"},
        name="config",
        value=json.dumps(found["config"]["settings"], sort_keys=True),
    )
    action = describe(
        f"#run-{found['config']['sha256'][:16]}",
        **{"@type": "CreateAction"},
        name=f"Run of the experiment {found['experiment']}",
        description="snakemake with the settings of #config",
        endTime=ended.isoformat(),
        instrument=workflow,
        object=[
            config,
            *(crate.add(ContextEntity(crate, i["@id"], i)) for i in list_inputs(found)),
        ],
        result=results,
    )
    crate.root_dataset["mentions"] = [action]
    return crate


def metadata_version(package: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def add_file(crate, folder: Path, name: str, entry: Mapping):
    """Add a file of the folder, with its size and hash if the manifest has them."""
    path = folder / name
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    properties = {
        "name": name,
        "contentSize": str(path.stat().st_size),
        "encodingFormat": "application/x-hdf5" if path.suffix == ".h5" else kind,
    }
    if entry:
        properties["sha256"] = entry["sha256"]
    return crate.add_file(path, name, properties=properties)


def write_crate(folder: str | os.PathLike) -> Path:
    """Write the crate of an experiment's folder; return the path of its metadata.

    Raises `InputError` for a run that isn't finished, or whose files have changed.
    """
    path = Path(folder, manifest.NAME)
    found = manifest.read(path)
    check_outputs(found, Path(folder))
    snakefile = find_root() / "Snakefile"
    if manifest.sha256_of(snakefile) != found["code"]["files"].get("Snakefile"):
        raise InputError(
            f"{snakefile}: isn't the one that made {folder}: run again, or check out the commit "
            f"{found['code'].get('commit') or '(unknown)'}"
        )
    ended = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
    crate = build(found, Path(folder), snakefile, ended)
    os.makedirs(Path(folder, CRATE_WORKFLOW).parent, exist_ok=True)
    with replacing(Path(folder, CRATE_WORKFLOW)) as part:
        shutil.copyfile(snakefile, part)
    with replacing(Path(folder, CRATE)) as part:
        text = json.dumps(crate.metadata.generate(), indent=1, sort_keys=True)
        Path(part).write_text(text + "\n", encoding="utf-8")
    return Path(folder, CRATE)
