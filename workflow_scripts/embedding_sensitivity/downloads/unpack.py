"""Unpack a zip archive whose checksum was verified."""

import os
import shutil
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.progress import progress

BLOCK = 2**20


def extract(
    archive: str | Path, folder: str | Path, target_of: Callable[[str], str | None]
) -> list[str]:
    """Unpack `archive` into `folder`, completely or not at all.

    Parameters
    ----------
    target_of : returns the path below `folder` for a member's name, or None to leave it out. It
        must not return a path outside the folder.

    Returns
    -------
    Names of the files left out, in the archive's order.

    Raises
    ------
    InputError
        if the file is not a complete zip archive, two members have the same target, or the disk is
        full
    """
    archive, folder = Path(archive), Path(folder)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as members:
            files = [member for member in members.infolist() if not member.is_dir()]
            targets = [(target_of(member.filename), member) for member in files]
            wanted = [(target, member) for target, member in targets if target is not None]
            part.mkdir(parents=True)
            room = shutil.disk_usage(part).free
            size = sum(member.file_size for _, member in wanted)
            if size > room:
                raise InputError(
                    f"{folder}: {archive.name} unpacks to {size / 1e9:.3g} GB, the disk has only "
                    f"{room / 1e9:.3g} GB: free that much"
                )
            for target, member in progress(wanted, desc="files", unit="file"):
                _write(members, member, part / target)
        # An earlier run may have unpacked another copy of the archive.
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(part, folder)
    except FileNotFoundError as error:
        raise InputError(f"{error.filename}: does not exist: put the archive there") from None
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        RuntimeError,  # NotImplementedError for an unknown compression; an encrypted member
        UnicodeDecodeError,
    ) as error:
        raise InputError(
            f"{archive}: truncated or corrupt zip archive ({error}): fetch it again"
        ) from None
    except OSError as error:
        raise InputError(
            f"{folder}: {archive.name} could not be unpacked there ({error.strerror or error}): "
            "free disk or permit it"
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return [member.filename for target, member in targets if target is None]


def _write(members: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    # zipfile never yields more than the declared size, and compares the checksum at the end.
    path.parent.mkdir(parents=True, exist_ok=True)
    with members.open(member) as source, open(path, "xb") as file:
        shutil.copyfileobj(source, file, BLOCK)
        if file.tell() != member.file_size:
            raise zipfile.BadZipFile(f"{member.filename} ends early")
