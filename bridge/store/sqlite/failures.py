"""What SQLite says when it fails, for people."""

import sqlite3
from typing import Final

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_CURE: Final = "the file is damaged: stop the daemon, and put back a backup: `buildbridge db restore FILE`"


def reason(error: BaseException) -> str:
    """The reason that SQLite, SQLAlchemy or the system gives, with the cure of a damaged file."""
    failed = getattr(error, "orig", None) or error
    code = getattr(failed, "sqlite_errorcode", 0) & 0xFF  # without what an extended code adds
    return f"{failed}: {_CURE}" if code in _DAMAGED else str(failed)
