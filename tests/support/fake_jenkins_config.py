"""The config.xml of a fake Jenkins' jobs, as a 2.426 server writes and reads it."""

import re
from collections.abc import Callable
from typing import Final
from xml.etree import ElementTree as ET  # of our own making
from xml.sax.saxutils import escape  # writes XML, reads none

from support.fake_jenkins_state import Job, Parameter

DECLARATION: Final = b"<?xml version='1.1' encoding='UTF-8'?>\n"
_PROPERTY: Final = "hudson.model.ParametersDefinitionProperty"


def render(job: Job) -> bytes:
    """The configuration of a job that was not made from one."""
    definitions = "".join(_definition(parameter) for parameter in job.parameters)
    below = f"<{_PROPERTY}><parameterDefinitions>{definitions}</parameterDefinitions></{_PROPERTY}>"
    properties = f"<properties>{below}</properties>" if definitions else "<properties/>"
    return (
        DECLARATION
        + f"<project>\n  <description>für {escape(job.name)}</description>{properties}</project>".encode()
    )


def _definition(parameter: Parameter) -> str:
    kind = f"hudson.model.{parameter.kind}ParameterDefinition"
    choices = "".join(f"<string>{escape(choice)}</string>" for choice in parameter.choices)
    more = (
        f"<choices><a>{choices}</a></choices>"
        if choices
        else f"<defaultValue>{parameter.default}</defaultValue>"
    )
    return f"<{kind}><name>{escape(parameter.name)}</name>{more}</{kind}>"


def parameters(config: bytes) -> tuple[Parameter, ...]:
    """What a configuration declares. Raises ParseError."""
    root = ET.fromstring(re.sub(rb"^<\?xml.*?\?>", b"", config))  # of our own making
    found = root.findall(f"./properties/{_PROPERTY}/parameterDefinitions/*")
    return tuple(
        Parameter(
            one.findtext("name", ""),
            one.findtext("defaultValue") or "",
            tuple(choice.text or "" for choice in one.findall("./choices/a/string")),
        )
        for one in found
    )


def read(body: bytes, content_type: str, use: Callable[[bytes], None]) -> int:
    """What a server answers to a configuration that is sent to it; `use` gets one that can be read.

    Without a charset the text is taken for Latin-1, as a servlet does.
    """
    kind, _, charset = content_type.partition("; charset=")
    if kind != "application/xml":
        return 400
    config = body.decode(charset or "latin-1").encode()
    try:
        parameters(config)
    except ET.ParseError:
        return 500
    use(config)
    return 200
