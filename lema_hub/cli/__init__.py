"""The `lema` command: one module per command group, imported only when it is called."""

from lema_hub.cli.main import main

__all__ = ["main"]
