"""What kind of place a folder is: its file system, and how long it is likely to live."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

# Where these hosted notebooks keep what outlives the machine.
_LASTING = tuple(map(Path, ("/content/drive", "/kaggle/working", "/dbfs", "/Workspace", "/Volumes")))
# The variables by which hosted notebooks are known, and when their machines end.
_HOSTED = {
    "COLAB_RELEASE_TAG": "when this Colab machine ends, which is after about 90 minutes without you",
    "KAGGLE_KERNEL_RUN_TYPE": "when this Kaggle session ends",
    "DATABRICKS_RUNTIME_VERSION": "when this Databricks cluster ends",
}
_IN_MEMORY = {"tmpfs", "ramfs"}
_FAR = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.drive"}


@dataclass(frozen=True, slots=True)
class Storage:
    """A place on disk.

    Attributes
    ----------
    file_system : str or None
        Such as ``ext4``; None where the system does not tell.
    short_life : str or None
        Why what is there will hardly survive, as ``"... "`` goes on after *it is lost*; None if it will.
    is_temporary : bool
        Whether it is a temporary folder or a container's: who names one has chosen it.
    """

    file_system: str | None
    short_life: str | None = None
    is_temporary: bool = False

    @property
    def is_far(self) -> bool:
        """Whether it is on a network or a mounted drive, where SQLite's locks may not hold."""
        return self.file_system in _FAR or (self.file_system or "").startswith("fuse.")


def find_storage(
    path: Path, *, environment: Mapping[str, str] | None = None, mounts: str | None = None
) -> Storage:
    """Return what kind of place `path` is, or will be. Looks at the system's table of mounts.

    Parameters
    ----------
    path : Path
        A file or folder; it need not be there.
    environment, mounts : optional
        Instead of this process's variables, and of ``/proc/self/mounts``.

    Examples
    --------
    >>> from pathlib import Path
    >>> from klikit_frames.running.storage import find_storage
    >>> find_storage(Path("/root/j"), environment={"COLAB_RELEASE_TAG": "1"}, mounts="").short_life
    'when this Colab machine ends, which is after about 90 minutes without you'
    """
    known = os.environ if environment is None else environment
    kind = _file_system(path, _read_mounts() if mounts is None else mounts)
    hosted = next((ends for variable, ends in _HOSTED.items() if variable in known), None)
    if any(path.is_relative_to(folder) for folder in _LASTING):
        return Storage(kind)
    if hosted or kind in _IN_MEMORY:
        return Storage(kind, hosted or "when this machine is restarted, for it is kept in memory")
    if path.is_relative_to(Path(tempfile.gettempdir()).resolve()):
        return Storage(kind, "when temporary files are cleaned up", is_temporary=True)
    is_container = kind == "overlay"
    return Storage(kind, "when this container is removed" if is_container else None, is_container)


def advise_on_journal(path: Path | None, *, is_named: bool) -> str | None:
    """Return one line on a journal that would not survive here, and how it could; None if it will.

    A person who named a temporary folder has chosen it.
    """
    if path is None:
        return None
    storage = find_storage(path)
    if storage.short_life is None or (is_named and storage.is_temporary):
        return None
    return (
        f"The journal {path} is lost {storage.short_life}: pass mirror= with a path on a drive that outlives "
        "it, or set KLIKIT_JOURNAL_MIRROR."
    )


def _read_mounts() -> str:
    try:
        return Path("/proc/self/mounts").read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _file_system(path: Path, mounts: str) -> str | None:
    """Return the type of the mount that is the nearest above `path`."""
    found = list(_mounts_above(path, mounts.splitlines()))
    return max(found, key=lambda one: len(one[0].parts))[1] if found else None


def _mounts_above(path: Path, lines: Iterable[str]) -> Iterable[tuple[Path, str]]:
    for line in lines:
        _, folder, kind, *_ = [*line.split(" "), "", "", ""]
        # The table spells a space as an octal escape.
        mount = Path(folder.replace("\\040", " "))
        if folder and path.is_relative_to(mount):
            yield mount, kind
