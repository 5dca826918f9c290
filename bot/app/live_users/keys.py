"""The files that keys come from, watched."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path


class KeyFiles:
    """Tells when ``.env`` and its like have changed, and hold still.

    Args:
        paths: of the files; one that is not there is one without content.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._marks: dict[Path, tuple[int, ...]] = {}
        self._digests: dict[Path, str] = {}
        self._used = self._last = self._digest()
        self.settling = False

    def look(self) -> bool:
        """Look now; whether there is a new content, which was the same at the look before.

        While ``settling``, somebody may be writing, and half a key is no key.
        """
        digest = self._digest()
        is_new = digest != self._used
        self.settling = is_new and digest != self._last
        self._last = digest
        if is_new and not self.settling:
            self._used = digest
            return True
        return False

    def _digest(self) -> str:
        return "\n".join(self._digest_of(path) for path in self._paths)

    def _digest_of(self, path: Path) -> str:
        try:
            status = path.stat()
            marks = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
            if self._marks.get(path) != marks:
                self._digests[path] = hashlib.sha256(path.read_bytes()).hexdigest()
                self._marks[path] = marks
        except OSError:
            self._marks.pop(path, None)
            return "-"
        return self._digests[path]
