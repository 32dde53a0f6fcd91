"""Tasks on series: what is asked, how the answer is computed, and how both are written in English and Chinese."""
