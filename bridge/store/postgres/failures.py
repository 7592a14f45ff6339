"""What PostgreSQL says when it fails, for people."""

import psycopg


def reason(error: BaseException) -> str:
    """The reason that the server, the driver or SQLAlchemy gives, in one line and without the statement."""
    failed = getattr(error, "orig", None) or error
    said = failed.diag.message_primary if isinstance(failed, psycopg.Error) else None
    return said or " ".join(str(failed).split())
