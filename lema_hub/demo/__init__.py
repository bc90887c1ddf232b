"""The demo: `diagnose` finds, explains and corrects a solution's mistake; `page` shows it in a browser."""

from lema_hub.demo.correctors import Corrector, HitRate
from lema_hub.demo.diagnose import Diagnosis, diagnose
from lema_hub.demo.settings import Settings

__all__ = ["Corrector", "Diagnosis", "HitRate", "Settings", "diagnose"]
