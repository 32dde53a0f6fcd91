"""Time-series language models: reading them, the words and tensors they are fed with, and what they answer."""
