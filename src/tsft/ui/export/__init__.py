"""The Export tab: take a trained model away, and what was taken away before."""
