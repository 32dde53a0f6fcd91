"""The Data tab: what datasets there are, what is wrong with them, every row as a picture, and ways to make new ones."""
