"""The embedded Hugging Face Hub: a small server that the real clients talk to, with HF_ENDPOINT as the
only switch.

    with LocalHub(directory) as hub:
        HfApi(endpoint=hub.url, token=hub.token).create_repo(f"{hub.namespace}/first")

It stores repos as git objects in SQLite and their contents as content-addressed files. Nothing of the rest
of the package is imported here.
"""

from lema_hub.localhub.errors import DirectoryInUseError, HubError, NotServingError, StorageDamagedError
from lema_hub.localhub.limits import RateLimit
from lema_hub.localhub.server import LocalHub, Running, running, serve

__all__ = [
    "DirectoryInUseError",
    "HubError",
    "LocalHub",
    "NotServingError",
    "RateLimit",
    "Running",
    "StorageDamagedError",
    "running",
    "serve",
]
