"""The demo as a Space: the exact corrector, and what the variables `LEMA_DEMO_*` name beside it."""

import os
import threading

from lema_hub.demo import Settings
from lema_hub.demo.page import launch

if __name__ == "__main__":
    launch(Settings.from_environment(os.environ))
    threading.Event().wait()
