"""What may not stand in the settings of trackers. `check.py` asks here, and so does whoever writes a preset to disk."""

import re
from collections.abc import Iterator

from tsft.config.run_config import RunConfig
from tsft.errors import Problem, message

# A user or a token before the host, a query, a fragment. A password may hold a slash, and a path an "@" only in files.
_WITH_SECRET = re.compile(r"^(?!file:)\S*//\S*@|[?#]")


def check_addresses(config: RunConfig) -> Iterator[Problem]:
    """An address that may hold a secret, whichever tracker is chosen: it would be written down with the settings."""
    if _WITH_SECRET.search(config.output.mlflow_uri.strip()):
        yield Problem("output.mlflow_uri", message("trackers.secret_in_address"))
