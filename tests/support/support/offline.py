"""A command that runs programs without a network, not even loopback: a network namespace."""

import os
import subprocess

import pytest

# As root a namespace of its own, else one of a user namespace's.
NAMESPACE = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--net")


def _refused() -> str:
    """Return why no namespace can be made here; empty if one can."""
    try:
        done = subprocess.run([*NAMESPACE, "true"], capture_output=True, text=True)
    except FileNotFoundError as error:
        return str(error)
    return done.stderr.strip()


REFUSED = _refused()
# For what needs no network and is better run without, but is no test of that alone.
WITHOUT_NETWORK = () if REFUSED else NAMESPACE
needs_namespace = pytest.mark.skipif(bool(REFUSED), reason=f"no network namespace: {REFUSED}")
