"""The body of a trigger: once it is withdrawn, no thread that still holds it can send it."""

import pytest

from bridge.builders.jenkins.request import Form


def test_a_withdrawn_form_is_never_read() -> None:
    form = Form({"delay": "0sec"})
    assert form.withdraw()
    with pytest.raises(OSError, match="cancelled before it was sent"):
        form.read()


def test_a_form_of_which_a_byte_was_read_may_have_been_sent() -> None:
    form = Form({"delay": "0sec"})
    assert form.read(1) == b"d"
    assert not form.withdraw()
