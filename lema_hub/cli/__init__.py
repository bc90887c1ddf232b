"""The `lema` command: one module per command group, imported only when it is called."""

try:
    from lema_hub.cli.main import main
except ModuleNotFoundError as error:  # such as typer after `pip install --no-deps`
    from lema_hub.cli import missing

    missing.stop(error)

__all__ = ["main"]
