"""The demo as a Space: the exact corrector, and what the variables `LEMA_DEMO_*` name beside it."""

import os
import threading

from lema_hub.demo import Settings
from lema_hub.demo.page import launch

if __name__ == "__main__":
    own = os.environ.get("SPACE_HOST")  # the name that the Space is served under
    launch(Settings.from_environment(os.environ), allowed_hosts=(own,) if own else ())
    threading.Event().wait()
