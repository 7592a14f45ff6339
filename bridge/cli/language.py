"""Which language a person reads: `--language`, else the locale of the terminal, else that of notices."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

import click

from bridge.cli.setup import outline
from bridge.errors import ConfigError
from bridge.model.language import Language

F = TypeVar("F", bound=Callable[..., Any])

LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh-CN")
_LOCALES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
_BY_CODE: Final[Mapping[str, Language]] = {"en": "en", "zh": "zh-CN"}


def language_option(command: F) -> F:
    """The option `--language` of a command."""
    return click.option(
        "--language",
        type=click.Choice(LANGUAGES, case_sensitive=False),
        help="The language; default: that of LANG, else `language` of bridge.yaml, else en.",
    )(command)


def language_of(given: str | None, config: str | None, environ: Mapping[str, str] = os.environ) -> Language:
    """The language to speak: what was `given`, else that of the locale, else what the file `config` says.

    The first of the variables that is set counts, as with every program; `C` and other languages say nothing.
    """
    if given is not None:
        return _BY_CODE[given[:2]]
    locale = next(filter(None, map(environ.get, _LOCALES)), "")
    if found := _BY_CODE.get(locale[:2]):
        return found
    with suppress(ConfigError):
        settings = outline(config).settings
        if "language" in settings.model_fields_set:
            return settings.language
    return "en"
