"""What `name@revision` stands for: a folder, a commit, and the hash of what it holds.

    split_name("lema/lema-corrections@v0.1.0")              # ('lema/lema-corrections', 'v0.1.0')
    fetch("lema/lema-corrections", "v0.1.0", repo_type="dataset", patterns=["data/*"])
    Weights.find("runs/lema/adapter", None, "adapter_config.json").revision      # sha256:... of the folder's files

Models, adapters and datasets are found here and nowhere else, and `explained` is the one place where errors of the
Hub's clients become errors of ours. Endpoint, token and cache are the clients' own (HF_ENDPOINT, HF_TOKEN, HF_HOME).

The trap: a folder is known by the hash of its files, never by its path, because new weights at an old path must not
be answered from old text. Every engine that loads the same weights calls them the same.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lema_hub.errors import HubError, InputError, LemaError, SlowDownError, StaleParentError

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

RepoType = Literal["dataset", "model", "space"]
ADAPTER_CONFIG = "adapter_config.json"

_logger = logging.getLogger(__name__)
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_REVISION = re.compile(r"(?!.*(?:^|/)\.{0,2}(?:/|$))[\w.+@=%~^{}-]+(?:/[\w.+@=%~^{}-]+)*")
"""What names a branch, a tag or a commit; the client makes a path of it."""
_PAUSE = 60.0  # seconds to wait where the Hub refuses without saying for how long
_WEIGHTS = (
    "*.safetensors", "*.bin", "*.model", "*.jinja", "*config.json", "token*.json", "vocab.*", "merges.txt",
    "special_tokens_map.json",
)  # fmt: skip
"""The files that decide what a model computes: not its card, its curve or its scores."""


def is_hub_id(name: str) -> bool:
    """Whether a name has the form `namespace/name`."""
    return _HUB_ID.fullmatch(name) is not None


def split_name(name: str) -> tuple[str, str | None]:
    """Repo id and revision of `namespace/name@revision`. A folder that exists may have an @ in its name.

    >>> split_name("lema/lema-corrections@v0.1.0")
    ('lema/lema-corrections', 'v0.1.0')
    """
    if "@" not in name or Path(name).exists():
        return name, None
    repo_id, _, revision = name.rpartition("@")
    return repo_id, revision or None


def fetch(
    repo_id: str, revision: str | None, *, repo_type: RepoType, patterns: Sequence[str]
) -> tuple[Path, str]:
    """The folder of the matching files of a repository, and the commit that `revision` stands for.

    Raises:
        InputError: The id is not one.
        HubError: The repository or the revision does not exist, or the Hub cannot be reached.
    """
    from huggingface_hub import snapshot_download

    with explained(repo_id, repo_type=repo_type, revision=revision), loading(f"{repo_type} {repo_id}"):
        folder = Path(
            snapshot_download(repo_id, repo_type=repo_type, revision=revision, allow_patterns=list(patterns))
        )
    return folder, folder.name


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
            HubError: The Hub does not have it, or cannot be reached.
        """
        folder = Path(model)
        if folder.is_dir():
            if not (folder / config).is_file():
                raise InputError(
                    f"{str(model)!r} is not a model folder: it has no {config}; give a folder that has one"
                )
            return cls(folder.resolve().name, str(folder), f"sha256:{folder_hash(folder)[:40]}", None)
        if isinstance(model, Path):
            raise InputError(f"{str(model)!r} is not a folder; give a model folder")
        path = find_file(model, config, revision)
        if path is None:
            kind = "an adapter" if config == ADAPTER_CONFIG else "a model"
            raise InputError(
                f"{model!r} at {revision or 'main'} is not {kind}: it has no {config}; give the id of one"
            )
        commit = path.parent.name
        return cls(model, model, commit, commit)

    def file(self, name: str) -> Path:
        """One of its files; from a Hub at the commit."""
        if self.commit is None:
            return Path(self.location) / name
        from huggingface_hub import hf_hub_download

        with explained(self.location, repo_type="model", revision=self.commit):
            return Path(hf_hub_download(self.location, name, revision=self.commit))

    def adapter_folder(self) -> str:
        """The folder of an adapter, fetched if it is not in the cache.

        PEFT asks the Hub even for what is in the cache, and would take a pickle.
        """
        if self.commit is None:
            return self.location
        patterns = (ADAPTER_CONFIG, "adapter_model.safetensors")
        return str(fetch(self.location, self.commit, repo_type="model", patterns=patterns)[0])


def adapter_config(name: str, revision: str | None) -> dict[str, Any] | None:
    """The `adapter_config.json` of a folder or a Hub repository; None if it has none, so is not an adapter.

    Raises:
        InputError: The file cannot be read, or the name is neither a folder nor a Hub id.
        HubError: The Hub does not have the repository, or cannot be reached.
    """
    folder = Path(name)
    if folder.is_dir():
        path = folder / ADAPTER_CONFIG if (folder / ADAPTER_CONFIG).is_file() else None
    else:
        path = find_file(name, ADAPTER_CONFIG, revision) if "/" in name else None
    if path is None:
        return None
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{str(path)!r} cannot be read ({error}); expected a PEFT adapter") from error
    if not isinstance(held, dict):
        raise InputError(f"{str(path)!r} is not a JSON object; expected a PEFT adapter")
    return held


def find_file(repo_id: str, name: str, revision: str | None) -> Path | None:
    """A file of a model repository in the client's cache, below the folder of its commit; None if it has no such file.

    Without a network the cache answers, also that there is no such file where it holds the model's configuration.

    Raises:
        InputError: The id is not one.
        HubError: There is no such repository or revision, or it is not in the cache and cannot be reached.
    """
    if not is_hub_id(repo_id):
        raise InputError(
            f"{repo_id!r} is neither a folder nor a Hub id; give a folder that exists, or an id such as org/name"
        )
    import httpx2
    from huggingface_hub import HfApi, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    with explained(repo_id, repo_type="model", revision=revision):
        try:
            HfApi().model_info(repo_id, revision=revision)
            cached = False
        except (httpx2.TransportError, ConnectionError):  # no Hub, but perhaps the cache has it
            cached = True
        try:
            # By its name and not by the commit, so that without a Hub the cache knows what the name stood for.
            path = Path(hf_hub_download(repo_id, name, revision=revision, local_files_only=cached))
        except LocalEntryNotFoundError:
            if isinstance(try_to_load_from_cache(repo_id, "config.json", revision=revision), str):
                return None
            raise
        except EntryNotFoundError:
            return None
    if cached:
        _logger.warning("no Hub: %s is taken from the cache, at %s", repo_id, path.parent.name)
    return path


def folder_hash(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's weights, configurations and tokenizer files."""
    parts = []
    for path in sorted(folder.iterdir()):
        if path.is_file() and any(path.match(pattern) for pattern in _WEIGHTS):
            with path.open("rb") as file:
                parts.append([path.name, hashlib.file_digest(file, "sha256").hexdigest()])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@contextmanager
def explained(
    repo_id: str, *, repo_type: RepoType, revision: str | None = None, endpoint: str | None = None
) -> Iterator[None]:
    """Turn whatever the Hub's clients raise into a `HubError` or `InputError` of one line with a remedy.

    Args:
        repo_id: What is read or written.
        repo_type: Its type.
        revision: At which revision.
        endpoint: The Hub that is asked; by default the one that the clients are set to.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    from lema_hub import guard

    guard.install()
    if revision is not None and not _REVISION.fullmatch(revision):
        raise InputError(
            f"{revision[:80]!r} is not a revision; give a branch, a tag or a commit, as in v0.1.0"
        )
    endpoint = endpoint or constants.ENDPOINT
    prefix = "" if repo_type == "model" else f"{repo_type}s/"
    try:
        yield
    except LemaError:
        raise
    except HFValidationError as error:
        raise InputError(
            f"{repo_id!r} is not a repo id; expected namespace/name, as in lema/lema-corrections"
        ) from error
    except LocalEntryNotFoundError as error:
        raise HubError(
            f"{repo_type} {repo_id!r} at {revision or 'main'} is not in the cache and {endpoint} cannot be reached; "
            "check HF_ENDPOINT and the network, or give a folder"
        ) from error
    except OfflineModeIsEnabled as error:
        raise HubError(
            f"HF_HUB_OFFLINE is set, so {endpoint} is not asked for {repo_id}; unset it"
        ) from error
    except GatedRepoError as error:
        raise HubError(
            f"{repo_id} is gated; ask for access at {endpoint}/{prefix}{repo_id} and set HF_TOKEN"
        ) from error
    except RevisionNotFoundError as error:
        what = f"revision {revision!r}" if revision else "such revision"
        raise HubError(
            f"{repo_id} has no {what}; its versions are listed at {endpoint}/{prefix}{repo_id}"
        ) from error
    except RepositoryNotFoundError as error:
        raise HubError(
            f"{endpoint} shows no {repo_type} {repo_id} to this token; check the id, or set HF_TOKEN to a token that "
            "may read it"
        ) from error
    except HfHubHTTPError as error:
        raise _refused(error, repo_id, endpoint) from error
    except Exception as error:
        meant = _translated(error, repo_id, endpoint)
        if meant is error:
            raise
        raise meant from error


def _translated(error: Exception, repo_id: str, endpoint: str) -> Exception:
    """What an exception of the client means; the exception itself where it is not the client's."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
    if isinstance(cause, LemaError):  # uploads run in threads, and a guard's error is wrapped there
        return cause
    if isinstance(cause, HfHubHTTPError):
        return _refused(cause, repo_id, endpoint)
    if isinstance(cause, (httpx2.TransportError, ConnectionError)):
        return HubError(
            f"no answer from {endpoint} ({type(cause).__name__}); start the server (`lema hub serve`) or set "
            "HF_ENDPOINT to one that runs, then run the same command again"
        )
    if not _of_the_client(error):
        return error
    said = " ".join(str(cause).split())[:160]
    if isinstance(cause, OSError) and cause.errno is not None:
        return InputError(
            f"{repo_id} cannot be stored ({cause.strerror or said}); free some disk, or set HF_HOME to another folder"
        )
    return HubError(
        f"{endpoint} answers for {repo_id} with something that its client cannot use ({type(cause).__name__}: {said}); "
        "it is not a Hub to rely on: check HF_ENDPOINT"
    )


def _of_the_client(error: Exception) -> bool:
    """Whether the client raised it, or what the client called: of its frames and ours, the innermost is its own."""
    innermost = ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in ("huggingface_hub", "httpx2", "lema_hub"):
            innermost = package
    return innermost in ("huggingface_hub", "httpx2")


def _refused(error: HfHubHTTPError, repo_id: str, endpoint: str) -> HubError:
    status = error.response.status_code
    said = " ".join((error.server_message or str(error)).split())[:200]
    if status == 412 or (status == 409 and "conflicting operation" in said):
        return StaleParentError(f"{repo_id} changed while publishing ({said}); run the same command again")
    if status == 401:
        return HubError(f"{endpoint} does not know this token; set HF_TOKEN to a valid one")
    if status == 403:
        return HubError(
            f"the token may not write {repo_id} ({said}); use a token of its namespace that may write"
        )
    if status == 429:
        seconds = _retry_after(error)
        return SlowDownError(
            f"{endpoint} asks to wait {seconds:.0f} s ({said}); run the same command again then", seconds
        )
    return HubError(f"{endpoint} refused {repo_id} with {status} ({said}); run the same command again")


def _retry_after(error: HfHubHTTPError) -> float:
    """Seconds that a refused request should wait.

    It is the end of the rate limit's window where its count is used up, else what the answer asks for.
    """
    from huggingface_hub.utils._http import parse_ratelimit_headers

    headers = error.response.headers
    limit = parse_ratelimit_headers(headers)
    if limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    asked = headers.get("retry-after", "")
    return float(asked) if asked.isascii() and asked.isdigit() else _PAUSE


@contextmanager
def loading(what: str, *, patience: float = 3.0) -> Iterator[None]:
    """Log one line if something from a Hub takes longer than `patience` seconds.

    The clients' own bars are off wherever we draw progress, and a model of many gigabytes would load in silence.
    """
    from huggingface_hub import constants

    message = "loading %s; what is not in the cache comes from %s ..."
    waiting = threading.Timer(patience, _logger.warning, (message, what, constants.ENDPOINT))
    waiting.daemon = True
    waiting.start()
    try:
        yield
    finally:
        waiting.cancel()
