"""Which language a person reads: `--language`, else the locale of the terminal, else that of notices."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from bridge.errors import ConfigError
from bridge.model.language import Language

LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh-CN")
_LOCALES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
_BY_CODE: Final[Mapping[str, Language]] = {"en": "en", "zh": "zh-CN"}

_LINE: Final = re.compile(r"^language: *[\"']?(en|zh-CN)\b", re.MULTILINE)


def language_of(given: str | None, config: str | None, environ: Mapping[str, str] = os.environ) -> Language:
    """The language to speak: what was `given`, else that of the locale, else what the file `config` says.

    The first of the variables that is set counts, as with every program; `C` and other languages say nothing.
    """
    if given is not None:
        return _BY_CODE[given[:2]]
    locale = next(filter(None, map(environ.get, _LOCALES)), "")
    if found := _BY_CODE.get(locale[:2]):
        return found
    # Only where nothing else says it: to read a configuration takes most of what commands need.
    from bridge.cli.setup import outline  # noqa: PLC0415

    try:
        settings = outline(config).settings
    except ConfigError:
        return _written(config, environ)
    return settings.language if "language" in settings.model_fields_set else "en"


def _written(config: str | None, environ: Mapping[str, str]) -> Language:
    """What a file with faults says, whose faults are said in that."""
    from bridge.config.loader import find_config  # noqa: PLC0415

    with suppress(ConfigError, OSError, UnicodeDecodeError):
        if found := _LINE.search(find_config(config, environ).read_text("utf-8")):
            return _BY_CODE[found[1][:2]]
    return "en"
