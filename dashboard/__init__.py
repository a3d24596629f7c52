"""The dashboard: a Panel page over :mod:`fusion_model`. It imports nothing of ``training``."""
