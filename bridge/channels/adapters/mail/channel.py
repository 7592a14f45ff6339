"""Mail over SMTP.

Source: "Simple Mail Transfer Protocol", https://www.rfc-editor.org/rfc/rfc5321.

Each recipient gets a separate message, with attempts and an end of its own.
"""

from typing import Final

import anyio

from bridge.channels.adapters.mail.chinese import CHINESE
from bridge.channels.adapters.mail.settings import MailSettings
from bridge.channels.base import Channel, ChannelContext, Dead, Outcome, Unknown
from bridge.channels.content import DETAILS
from bridge.model.notice import Notice

TOTAL_TIMEOUT: Final = 330.0


class Mail(Channel):
    kind = "MAIL"
    chinese = CHINESE
    Settings = MailSettings
    patience = TOTAL_TIMEOUT + 15
    digest_size = 50

    def __init__(self, name: str, settings: MailSettings, context: ChannelContext) -> None:
        self.name = name
        self._settings = settings
        self._context = context
        self.recipients = tuple(dict.fromkeys(settings.to))

    async def send(self, notice: Notice) -> Outcome:
        # It takes a megabyte with its library, and most of the time there is no mail to send.
        from bridge.channels.adapters.mail.attempt import Attempt  # noqa: PLC0415

        recipients = self.recipients if notice.recipient is None else (notice.recipient,)
        if unknown := set(recipients).difference(self.recipients):
            return Dead("content", f"the channel has no recipient {unknown.pop()} any more")
        attempt = Attempt(self._settings, self._context, notice, recipients)
        try:
            with anyio.fail_after(TOTAL_TIMEOUT):
                return await attempt.make()
        except TimeoutError:
            return Unknown(f"the mail server did not finish within {TOTAL_TIMEOUT:.0f} s")

    def preview(self, notice: Notice) -> str:
        """The mail to its recipient, or to the first one."""
        from bridge.channels.adapters.mail.message import make_message, shown  # noqa: PLC0415  # like above

        recipient = notice.recipient or self.recipients[0]
        return shown(make_message(notice, self._settings.sender, recipient, self._context, DETAILS[0]))
