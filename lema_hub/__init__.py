"""lema_hub: datasets, adapters and honest scores for learning from mistakes (LeMa, LEMMA)."""

__version__ = "0.1.0"
__all__ = ["__version__"]
