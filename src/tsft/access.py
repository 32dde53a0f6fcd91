"""Who may come in: names and passwords from a file or the environment, and the pause after wrong ones.

Knows nothing of the network: the page's login and the REST interface ask the same `Door`.
"""

import hashlib
import hmac
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from tsft.errors import Problem, UserError, message, raise_if_any
from tsft.log import hide

VARIABLE, FILE_VARIABLE = "TSFT_AUTH", "TSFT_AUTH_FILE"

# Two slips cost nothing; then 0.5, 1, 2 … seconds, at most 30, so that one name can be tried twice a minute.
FREE_TRIES = 2
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
FORGOTTEN_SECONDS = 900.0
# Names that do not exist share one entry, so this many addresses fit before the oldest is forgotten.
REMEMBERED = 1024
UNKNOWN = ""


@dataclass(frozen=True)
class Accounts:
    """Names and their passwords. The passwords never appear in its text."""

    passwords: Mapping[str, str] = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.passwords)


@dataclass(frozen=True)
class Knock:
    """What came of one try. name: who it is, "" for nobody. wait_seconds: above zero, nothing was looked at yet."""

    name: str = ""
    wait_seconds: float = 0.0


class Door:
    """Compares in constant time and remembers wrong tries for each pair of address and name. Any thread may knock."""

    def __init__(self, accounts: Accounts, clock: Callable[[], float] = time.monotonic) -> None:
        self._digests = {name: _digest(password) for name, password in accounts.passwords.items()}
        self._nobody = _digest(secrets.token_hex(16))
        self._clock = clock
        self._lock = threading.Lock()
        self._wrong: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def knock(self, name: str, password: str, address: str) -> Knock:
        """Whether the password is this name's; while the pause of the pair lasts, how long it still is."""

        def owner() -> str:
            is_right = hmac.compare_digest(_digest(password), self._digests.get(name, self._nobody))
            return name if is_right and name in self._digests else ""

        return self._try((address, name if name in self._digests else UNKNOWN), owner)

    def knock_with_token(self, token: str, address: str) -> Knock:
        """The same for a bearer token: a password without its name."""

        def owner() -> str:
            digest, found = _digest(token), ""
            for name, known in self._digests.items():
                if hmac.compare_digest(digest, known):
                    found = name
            return found

        return self._try((address, UNKNOWN), owner)

    def _try(self, key: tuple[str, str], owner: Callable[[], str]) -> Knock:
        with self._lock:
            now = self._clock()
            count, last_at = self._wrong.get(key, (0, 0.0))
            if now - last_at > FORGOTTEN_SECONDS:
                count = 0
            wait_seconds = last_at + pause_seconds(count) - now
            if wait_seconds > 0:
                return Knock(wait_seconds=wait_seconds)
            name = owner()
            self._wrong.pop(key, None)
            if not name:
                self._wrong[key] = (count + 1, now)
                while len(self._wrong) > REMEMBERED:
                    self._wrong.popitem(last=False)
            return Knock(name)


def pause_seconds(wrong: int) -> float:
    """How long the next try must wait after so many wrong ones."""
    if wrong <= FREE_TRIES:
        return 0.0
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(wrong - FREE_TRIES - 1, 16))


def read_accounts(path: Path) -> Accounts:
    """The accounts in a file, one NAME:PASSWORD a line; empty lines and lines with "#" in front do not count.

    Raises UserError naming every line that is wrong, never its text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UserError(message("access.unreadable", path=str(path), why=why)) from error
    return accounts_of(text, str(path))


def accounts_of(text: str, source: str) -> Accounts:
    """The same from text; `source` is named in what is wrong."""
    passwords: dict[str, str] = {}
    problems = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colon, password = line.partition(":")
        name, password = name.strip(), password.strip()
        if not (name and colon and password):
            problems.append(Problem("", message("access.bad_line", source=source, line=number)))
        elif name in passwords:
            problems.append(Problem("", message("access.twice", source=source, line=number, name=name)))
        else:
            passwords[name] = password
    raise_if_any(problems)
    if not passwords:
        raise UserError(message("access.empty", source=source))
    for password in passwords.values():
        hide(password)
    return Accounts(passwords)


def accounts_from(given: str, environment: MutableMapping[str, str]) -> tuple[Accounts | None, Path | None]:
    """The accounts of `--auth FILE`, else of $TSFT_AUTH_FILE, else of $TSFT_AUTH; and the file they came from.

    $TSFT_AUTH is taken out of the environment, or every child process would inherit it. Raises UserError when `given`
    is a name and a password: everyone on the machine can read a command line.
    """
    named = given or environment.get(FILE_VARIABLE, "")
    if named:
        path = Path(named).expanduser()
        if given and ":" in given and not path.exists():
            raise UserError(message("access.literal", variable=VARIABLE))
        return read_accounts(path), path
    text = environment.pop(VARIABLE, "")
    return (accounts_of(text, f"${VARIABLE}"), None) if text else (None, None)


def generated_account(name: str) -> Accounts:
    """One account with a password made for this start."""
    password = secrets.token_urlsafe(12)
    hide(password)
    return Accounts({name: password})


def others_can_read(path: Path) -> bool:
    """Whether other people on this machine can read the file (not known on Windows: False)."""
    return os.name == "posix" and bool(path.stat().st_mode & 0o077)


def _digest(text: str) -> bytes:
    # Digests are equally long, so that the comparison tells nothing of the length either.
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).digest()
