"""Which addresses a mail channel takes: those that a header can name, whether they are parsed or not."""

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from bridge.channels.adapters.mail.address import check, parsed
from bridge.channels.adapters.mail.settings import MailSettings

PARTS = (
    *("ci", "a_b+c", "é", "构建", "CI Bot", "example.com", "ci@example.com", " <ci@example.com>", "[::1]"),
    *(".", "..", "@", "@@", "<", ">", " <", " ", "  ", '"', "'", ",", ";", ":", "(", ")", "\\"),
    *("\t", "\n", "\0", "\u3000", "\u0660", "=?utf-8?q?a?=", "x" * 50),
)


@given(st.lists(st.sampled_from(PARTS), max_size=6).map("".join))
@example("ci@example.com")
@example("构建 CI <ci.bot+x@mail.example.com>")
@example("CI <ci@example.com")
@example("a..b@example.com")
@example('"')
@example(".:")
@example("  ..;....)")
@example('"Bot, CI" <ci@example.com>')
def test_an_address_is_taken_exactly_where_the_header_of_a_mail_can_name_it(text: str) -> None:
    try:
        check(text)
        right = True
    except PydanticCustomError:
        right = False
    try:
        MailSettings.model_validate({"host": "localhost", "from": text, "to": ["team@example.com"]})
        taken = True
    except ValidationError:
        taken = False
    assert taken == right


@given(
    st.from_regex(r"\w{1,9}( \w{1,9})? <[a-z+_-]{1,9}(\.[a-z0-9]{1,9})?@[a-z0-9-]{1,9}\.cn>", fullmatch=True)
)
def test_a_mail_goes_to_what_stands_in_the_brackets(text: str) -> None:
    assert parsed(text).addr_spec == text.partition("<")[2][:-1]
    settings = {"host": "localhost", "from": text, "to": [text]}
    assert MailSettings.model_validate(settings).sender == text
