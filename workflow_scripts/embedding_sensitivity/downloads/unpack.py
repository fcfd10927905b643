"""Unpacking a zip archive that somebody else made: whole and inside its folder, or not at all."""

import os
import re
import shutil
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.names import text_refusal
from embedding_sensitivity.files.progress import progress

BLOCK = 2**20
# What a file system allows.
LONGEST_NAME = 255
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def extract(
    archive: str | Path,
    folder: str | Path,
    target_of: Callable[[str], str | None],
    largest_file: int,
    largest_total: int,
    most_members: int = 100_000,
) -> list[str]:
    """Unpack `archive` into `folder`, which is there whole at the end or not at all.

    Parameters
    ----------
    target_of : path below `folder` for a member's name, or None to leave the member out
    largest_file, largest_total : bytes that a file, and all of them, may unpack to
    most_members : files and folders that the archive may have, those left out counted

    Returns
    -------
    Names of the files left out, in the archive's order.

    Raises
    ------
    InputError
        for a file that is no whole zip archive; before anything is written, for a member that
        would leave the folder, is a link or device, is encrypted, takes another's place or is
        larger than allowed, and for a disk without room; for content that its checksum contradicts
    """
    archive, folder = Path(archive), Path(folder)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as members:
            if len(members.infolist()) > most_members:
                raise InputError(
                    f"{archive}: has {len(members.infolist())} members, at most {most_members} "
                    "expected: such an archive is not unpacked, fetch it from its publisher"
                )
            targets, left_out = _plan(archive, members, target_of)
            _check_sizes(archive, targets, largest_file, largest_total)
            part.mkdir(parents=True)
            room = shutil.disk_usage(part).free
            size = sum(member.file_size for member in targets.values())
            if size > room:
                raise InputError(
                    f"{folder}: {archive.name} unpacks to {size / 1e9:.3g} GB, the disk has "
                    f"{room / 1e9:.3g} GB: free that much"
                )
            for target, member in progress(targets.items(), desc="files", unit="file"):
                _write(members, member, part / target)
        # Of an earlier run with another copy of the archive: the new one takes its place.
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(part, folder)
    except FileNotFoundError as error:
        raise InputError(f"{error.filename}: does not exist: put the archive there") from None
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        UnicodeDecodeError,
    ) as error:
        raise InputError(
            f"{archive}: not a whole zip archive ({error}): it was cut short or damaged, fetch it "
            "again"
        ) from None
    except OSError as error:
        raise InputError(
            f"{folder}: {archive.name} could not be unpacked there ({error.strerror or error}): "
            "free disk or permit it"
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return left_out


def _plan(
    archive: Path, members: zipfile.ZipFile, target_of: Callable[[str], str | None]
) -> tuple[dict[str, zipfile.ZipInfo], list[str]]:
    """Members to unpack by their path below the folder, and the names of the others.

    Members that are left out are checked too: an archive with one of these is not to be trusted.
    """
    targets: dict[str, zipfile.ZipInfo] = {}
    taken: dict[str, str] = {}
    left_out = []
    for member in members.infolist():
        # As it stands in the archive: zipfile cuts `filename` at a NUL.
        name = member.orig_filename
        if reason := _refusal(name, member):
            raise InputError(
                f"{archive}: member {name!r} {reason}: such an archive is not unpacked, fetch it "
                "from its publisher"
            )
        if member.is_dir():
            continue
        target = target_of(name)
        if target is None:
            left_out.append(name)
            continue
        # On disks that take `A` for `a`, or one spelling of `é` for the other, these collide.
        key = unicodedata.normalize("NFC", target).casefold()
        if key in taken:
            raise InputError(
                f"{archive}: members {taken[key]!r} and {name!r} would be the same file: such an "
                "archive is not unpacked, fetch it from its publisher"
            )
        taken[key] = name
        targets[target] = member
    return targets, left_out


def _refusal(name: str, member: zipfile.ZipInfo) -> str | None:
    """What is wrong with a member, or None."""
    if not name or name.startswith("/") or re.match("[A-Za-z]:", name):
        return "is an absolute path"
    if "\\" in name or text_refusal(name):
        return "has a backslash or control character, or one of {}<>, in its name"
    if any(len(part.encode()) > LONGEST_NAME for part in name.split("/")):
        return f"has a part of more than {LONGEST_NAME} bytes in its name"
    if {"", ".", ".."} & set(name.removesuffix("/").split("/")):
        return "leads out of the folder or has an empty part in its name"
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFDIR if member.is_dir() else stat.S_IFREG):
        return "is a link or another special file"
    if member.flag_bits & 1:
        return "is encrypted"
    if member.compress_type not in METHODS:
        return "is packed by a method that is neither stored nor deflate"
    return None


def _check_sizes(
    archive: Path, targets: dict[str, zipfile.ZipInfo], largest_file: int, largest_total: int
) -> None:
    for member in targets.values():
        if member.file_size > largest_file:
            raise InputError(
                f"{archive}: member {member.filename!r} would unpack to "
                f"{member.file_size / 1e6:.3g} MB, at most {largest_file / 1e6:.3g} MB expected: "
                "such an archive is not unpacked, fetch it from its publisher"
            )
    total = sum(member.file_size for member in targets.values())
    if total > largest_total:
        raise InputError(
            f"{archive}: would unpack to {total / 1e9:.3g} GB, at most {largest_total / 1e9:.3g} "
            "GB expected: such an archive is not unpacked, fetch it from its publisher"
        )


def _write(members: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    # zipfile never yields more than the declared size, and at the end compares the checksum.
    path.parent.mkdir(parents=True, exist_ok=True)
    with members.open(member) as source, open(path, "xb") as file:
        shutil.copyfileobj(source, file, BLOCK)
        if file.tell() != member.file_size:
            raise zipfile.BadZipFile(f"{member.filename} ends early")
