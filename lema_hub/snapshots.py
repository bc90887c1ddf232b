"""The weights that a local engine computes with: found in a folder or on a Hub, and known by their content.

    weights = Weights.find("runs/lema/adapter", None, "adapter_config.json")
    weights.revision                                        # sha256:... over the folder's files

The trap: a folder is known by the hash of its files and never by its path, because new weights at an old path must
not be answered from old text. Every engine that loads the same weights calls them the same.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from lema_hub.errors import EngineError, InputError

_logger = logging.getLogger(__name__)
_MODEL_FILES = (
    "*.safetensors", "*.bin", "*.model", "*.jinja", "*config.json", "token*.json", "vocab.*", "merges.txt",
    "special_tokens_map.json",
)  # fmt: skip
_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


@dataclass(frozen=True, slots=True)
class Weights:
    """A model or an adapter: its public name, where it lies, and what it is exactly.

    Attributes:
        name: What provenance calls it: a Hub id, or a folder's name.
        location: The Hub id, or the folder.
        revision: The commit of a Hub id, `sha256:...` of a folder's files.
        commit: The commit, None of a folder.
    """

    name: str
    location: str
    revision: str
    commit: str | None

    @classmethod
    def find(cls, model: str | Path, revision: str | None, config: str) -> Weights:
        """The weights in a folder or behind a Hub id.

        Args:
            model: A Hub id or a local folder.
            revision: Branch, tag or commit of a Hub id; resolved to a commit.
            config: The file that weights of this kind have: `config.json` or `adapter_config.json`.

        Raises:
            InputError: It is a folder, or a repository, without such a file.
            EngineError: The Hub does not have it, or cannot be reached.
        """
        folder = Path(model)
        if folder.is_dir():
            if not (folder / config).is_file():
                raise InputError(f"{str(model)!r} is no model folder: it has no {config}; give one that has")
            return cls(folder.resolve().name, str(folder), f"sha256:{_folder_hash(folder)[:40]}", None)
        if isinstance(model, Path) or model.startswith((".", "/", "~")) or model.count("/") > 1:
            raise InputError(f"{str(model)!r} is no folder; give a model folder or a Hub id such as org/name")
        import httpx2
        from huggingface_hub import HfApi, hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError

        try:
            try:
                info = HfApi().model_info(model, revision=revision)
                commit = str(info.sha)
                if config not in {file.rfilename for file in info.siblings or ()}:
                    kind = "model" if config == "config.json" else "adapter"
                    raise InputError(
                        f"{model!r} at {revision or 'main'} is no {kind}: it has no {config}; give one that has"
                    )
                # By its name and not by the commit: so the cache knows, without a Hub, what the name stood for.
                hf_hub_download(model, config, revision=revision)
            except (
                httpx2.TransportError,
                ConnectionError,
            ):  # no Hub: the cache may have it, pinned by its folder
                cached = hf_hub_download(model, config, revision=revision, local_files_only=True)
                commit = Path(cached).parent.name
                _logger.warning("no Hub: %s is taken from the cache, at %s", model, commit)
        except HFValidationError as error:
            raise InputError(f"{model!r} is neither a folder nor a Hub id; give one of them") from error
        except (HfHubHTTPError, OSError) as error:
            endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
            raise EngineError(
                f"{model!r} at {revision or 'main'} could not be had from {endpoint} "
                f"({type(error).__name__}); check the name, the revision and the endpoint, or give a folder"
            ) from error
        return cls(model, model, commit, commit)

    def file(self, name: str) -> Path:
        """One of its files; from a Hub at the commit."""
        if self.commit is None:
            return Path(self.location) / name
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(self.location, name, revision=self.commit))

    def adapter_folder(self) -> str:
        """The folder of an adapter, fetched if need be.

        PEFT asks the Hub even for what is in the cache, and would take a pickle.
        """
        if self.commit is None:
            return self.location
        from huggingface_hub import snapshot_download

        return str(
            snapshot_download(self.location, revision=self.commit, allow_patterns=list(_ADAPTER_FILES))
        )


def _folder_hash(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's weights, configurations and tokenizer files."""
    parts = []
    for path in sorted(folder.iterdir()):
        if path.is_file() and any(path.match(pattern) for pattern in _MODEL_FILES):
            with path.open("rb") as file:
                parts.append([path.name, hashlib.file_digest(file, "sha256").hexdigest()])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
