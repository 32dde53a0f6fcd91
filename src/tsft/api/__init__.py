"""REST under /api/: the same engine and record as the page, for programs. FastAPI is imported here alone."""
