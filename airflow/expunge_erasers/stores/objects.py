"""Objects under a prefix, in any store that fsspec knows: S3, GCS, Azure, HDFS, local files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Callable, Iterator

import fsspec

_BATCH = 500
_PARALLEL = 16


class ObjectStore:
    """A bucket, or a folder of one, to erase prefixes from. `url` such as `s3://bucket/base` or `file:///data`."""

    def __init__(self, url: str, options: dict[str, Any] | None = None):
        # Listings must be fresh: a cached one would miss what was written since.
        self._fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False, **(options or {}))
        self._root = root.rstrip("/")

    def count(self, prefix: str) -> int:
        """How many objects are under the prefix."""
        return sum(1 for _ in self._objects(self._path(prefix)))

    def erase(self, prefix: str, between_batches: Callable[[], None]) -> int:
        """Deletes all objects under the prefix, and the folders where the store has any; returns how many objects."""
        path = self._path(prefix)
        erased = 0
        names = self._objects(path)
        # rm_file and not rm: rm would take a `[` or `*` in an object's name for a wildcard.
        with ThreadPoolExecutor(max_workers=_PARALLEL) as pool:
            while batch := list(islice(names, _BATCH)):
                erased += sum(pool.map(self._delete, batch))
                between_batches()
        if self._fs.isdir(path) and not self._fs.isfile(path):
            self._fs.rm(path, recursive=True)
        self._fs.invalidate_cache()
        if any(name.startswith(f"{path}/") for name in self._fs.find(path)):
            raise RuntimeError("Objects are left under the prefix: written meanwhile, or under names that the store does not list")
        return erased

    def _path(self, prefix: str) -> str:
        return f"{self._root}/{prefix.rstrip('/')}"

    def _objects(self, path: str) -> Iterator[str]:
        # Not fsspec's walk: in subfolders it passes over what it may not read, and that would be an empty success.
        self._fs.invalidate_cache()
        folders = [path]
        while folders:
            folder = folders.pop()
            try:
                listing = self._fs.ls(folder, detail=True)
            except FileNotFoundError:
                continue
            for info in listing:
                name = info["name"].rstrip("/")
                # Equal is an object that is called like the folder: it is not in it.
                if name == folder:
                    continue
                if not name.startswith(f"{folder}/"):
                    raise RuntimeError(f"The store listed an object outside of {folder}/: nothing more is erased")
                if info["type"] == "directory":
                    folders.append(name)
                else:
                    yield name

    def _delete(self, name: str) -> int:
        try:
            self._fs.rm_file(name)
        except FileNotFoundError:
            return 0
        return 1
