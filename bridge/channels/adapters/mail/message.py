"""A notice as a mail.

Source: "Internet Message Format", https://www.rfc-editor.org/rfc/rfc5322, "Recommendations for Automatic
Responses to Electronic Mail", https://www.rfc-editor.org/rfc/rfc3834, and "List-Id",
https://www.rfc-editor.org/rfc/rfc2919.

The Message-ID stays the same over all attempts: it lets the receiver drop a repeat.
"""

import hashlib
import html
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from bridge.channels.adapters.mail.address import parsed
from bridge.channels.base import ChannelContext
from bridge.channels.content import Content, Detail, Line, Link
from bridge.channels.rendering import compose
from bridge.model.notice import BuildFacts, DigestFacts, Notice

_OF_THE_ENCODING: Final = frozenset({"MIME-Version", "Content-Type"})


def make_message(
    notice: Notice, sender: str, recipient: str, context: ChannelContext, detail: Detail
) -> EmailMessage:
    """The mail as plain text and HTML, in base64: every relay passes that unchanged."""
    content = compose(notice, context, detail)
    domain = parsed(sender).domain
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = content.title
    mail["Date"] = format_datetime(datetime.fromtimestamp(notice.created_at, UTC))
    mail["Message-ID"] = f"<notice-{_digest(notice.id, recipient)}@{domain}>"
    # The root of a thread need not exist: mail clients group the mails of one job under it.
    root = f"<job-{_digest(*_job(notice))}@{domain}>"
    mail["In-Reply-To"] = mail["References"] = root
    mail["Auto-Submitted"] = "auto-generated"
    mail["List-Id"] = f"Buildbridge notices <buildbridge.{domain}>"
    mail["X-Buildbridge-Event"] = notice.event.value
    mail.set_content(_as_text(content), cte="base64")
    mail.add_alternative(_as_html(content), subtype="html", cte="base64")
    return mail


def shown(mail: EmailMessage) -> str:
    """A mail in a form to read: its headers and its parts, without their encoding."""
    headers = [f"{name}: {value}" for name, value in mail.items() if name not in _OF_THE_ENCODING]
    parts = [part for part in mail.iter_parts() if isinstance(part, EmailMessage)]
    bodies = [f"--- {part.get_content_type()}\n{part.get_content()}" for part in parts]
    return "\n".join([*headers, "", *bodies]).replace("\r\n", "\n")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()[:32]


def _job(notice: Notice) -> tuple[str, ...]:
    facts = notice.facts
    if isinstance(facts, DigestFacts):
        facts = facts.members[0].facts
    if isinstance(facts, BuildFacts):
        return facts.namespace, facts.repo_name, facts.ref_kind, facts.ref_name
    return ("service", facts.subject)


def _as_text(content: Content) -> str:
    lines = [content.heading(), ""]
    lines.extend(_line_text(line) for line in content.lines)
    if content.tail:
        lines.extend(["", *(f"> {line}" for line in content.tail)])
    lines.extend(["", _line_text(content.footer)])
    return "\n".join(lines) + "\n"


def _line_text(line: Line) -> str:
    return "".join(f"{span.text} <{span.url}>" if isinstance(span, Link) else span for span in line)


def _as_html(content: Content) -> str:
    heading = content.heading(html.escape)
    items = "".join(f"<li>{_line_html(line)}</li>" for line in content.lines)
    tail = html.escape("\n".join(content.tail))
    return (
        f"<h3>{heading}</h3>\n<ul>{items}</ul>\n"
        + (f"<pre>{tail}</pre>\n" if tail else "")
        + f"<p>{_line_html(content.footer)}</p>\n"
    )


def _line_html(line: Line) -> str:
    return "".join(
        f'<a href="{html.escape(span.url)}">{html.escape(span.text)}</a>'
        if isinstance(span, Link)
        else html.escape(span)
        for span in line
    )
