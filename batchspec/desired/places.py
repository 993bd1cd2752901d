"""Where things lie: what a spec owns in its two blob containers, and its files on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from batchspec.desired.names import NAME_LENGTH, alias
from batchspec.desired.packing import PACK_SUFFIX
from batchspec.language.model import Spec

OWN_FOLDER = ".batchspec"
"""Under the spec's name in both blob containers: what is batchspec's own, and nobody's input or output."""


class Places(NamedTuple):
    """Where the things of a spec lie. Blobs are named as they are in their container.

    `arguments` name the spec in a command. `input` and `output` are the containers, `folder` is the one
    that the spec's paths are relative to, `download` the one that outputs are downloaded to, None where they are not.
    """

    name: str
    arguments: str
    input: str
    output: str
    folder: Path
    download: Path | None

    @classmethod
    def of(cls, spec: Spec) -> Places:
        folder = Path(spec.document.source.name).parent
        download = folder / spec.download if spec.download is not None else None
        return cls(spec.name, spec.arguments, *spec.containers, folder, download)

    @property
    def root(self) -> str:
        """What all blobs of the spec begin with, in both containers; no other spec's name fits under it."""
        return f"{self.name}/"

    @property
    def own(self) -> str:
        """What blobs that are batchspec's own begin with."""
        return f"{self.root}{OWN_FOLDER}/"

    @property
    def logs(self) -> str:
        """What the logs of tasks begin with."""
        return f"{self.own}logs/"

    @property
    def runs(self) -> str:
        """What the records of runs begin with."""
        return f"{self.own}runs/"

    @property
    def lock(self) -> str:
        """The blob that who changes something has a lease on."""
        return f"{self.own}lock"

    @property
    def note(self) -> str:
        """The blob that says which file the name belongs to, also once pool and job are gone."""
        return f"{self.own}spec"

    @property
    def node_folder(self) -> str:
        """The blob that makes the folder it is put into on a node."""
        return f"{self.own}folder"

    def record(self, key: str) -> str:
        """The blob that proves that a task without an output was done."""
        return f"{self.own}done/{key}"

    def upload(self, content: str, name: str) -> str:
        """The blob of a local file: its name has the content's digest, so nothing writes over what a task reads.

        Names that are too long are for nobody to read.
        """
        blob = f"{self._uploads}{content}/{name}"
        return blob if len(blob) <= NAME_LENGTH else f"{self._uploads}{content}/{alias(name)}"

    def plain(self, blob: str) -> str:
        """*blob* without the digest of its content: its name for people, under which older versions uploaded it."""
        if not blob.startswith(self._uploads):
            return blob
        return self.root + blob.removeprefix(self._uploads).partition("/")[2]

    @property
    def _uploads(self) -> str:
        return f"{self.own}files/"

    def made(self, fingerprint: str, name: str) -> str:
        """The blob that other tasks read of what the work *fingerprint* makes: nothing writes over it."""
        return f"{self.all_made}{fingerprint}/{name}"

    def listed(self, fingerprint: str, name: str) -> str:
        """The blob with the names of the files in the folder *name*; no file of such a folder has a name like it."""
        return f"{self.all_made}{fingerprint}/.lists/{name}"

    @property
    def all_made(self) -> str:
        """What the blobs begin with that only other tasks read."""
        return f"{self.own}made/"

    def log(self, task_id: str, file_name: str) -> str:
        """The blob of a task's stdout.txt or stderr.txt."""
        return f"{self.logs}{task_id}/{file_name}"

    def file(self, output: str) -> Path:
        """Where the blob *output* is downloaded to."""
        if self.download is None:
            raise ValueError(f"the spec {self.name} downloads nothing")
        return self.download / output.removeprefix(self.root)

    def unpacked(self, pack: str) -> Path:
        """Where the folder whose pack is the output *pack* is downloaded to."""
        return self.file(pack.removesuffix(PACK_SUFFIX))

    @property
    def download_text(self) -> str | None:
        """The folder for downloads as it is shown."""
        return None if self.download is None else os.path.normpath(self.download)
