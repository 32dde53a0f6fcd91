"""tsft: a workbench to fine-tune time-series language models from one page."""

__version__ = "0.1.0"
