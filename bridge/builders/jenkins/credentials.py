"""Credentials of Jenkins that the job of a builder uses: whether they are there, and what binds them to it.

Sources: "Credentials Plugin", https://github.com/jenkinsci/credentials-plugin (where they are listed), and
"Credentials Binding Plugin", https://github.com/jenkinsci/credentials-binding-plugin (how a job gets them).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import Field

from bridge.builders.jenkins.client import JenkinsServer
from bridge.builders.jenkins.items import Document, config_path, job_path

_STORE: Final = "credentials/store/{}/domain/_/api/json?tree=credentials[id]"
_WRAPPER: Final = "org.jenkinsci.plugins.credentialsbinding.impl.SecretBuildWrapper"
_BINDING: Final = "org.jenkinsci.plugins.credentialsbinding.impl.UsernamePasswordMultiBinding"
_NONE: Final = b"<buildWrappers/>"
_WRAPPERS: Final = re.compile(rb"<buildWrappers>.*?</buildWrappers>", re.DOTALL)
_FREESTYLE: Final = re.compile(rb"<project[ >]")


class _Credentials(Document):
    id: str


class _Store(Document):
    credentials: list[_Credentials] = Field(default=[])


class JobCredentials:
    """The credentials of a job: `ids` in Jenkins by the setting that names them."""

    def __init__(self, job: str, ids: Mapping[str, str], server: JenkinsServer) -> None:
        self._job = job
        self._ids = ids
        self._server = server

    async def faults(self) -> list[str]:
        """What is to be said of those that are not seen where the job finds its own. Raises RemoteError."""
        sought, hidden = set(self._ids.values()), False
        for path in _stores(self._job):
            if not sought:
                break
            # Jenkins has no store for a user who may not see it (404), as if there were none.
            answer = await self._server.call("GET", path)
            unseen = answer.status in {403, 404} and not answer.sign_in
            store = None if unseen else self._server.document(answer, _Store)
            hidden |= store is None
            sought -= {one.id for one in store.credentials} if store else set()
        return [
            _missing(setting, name, hidden=hidden) for setting, name in self._ids.items() if name in sought
        ]

    async def unbound(self) -> list[str]:
        """What is to be said of those that a job that is there does not get. Raises RemoteError."""
        if not self._ids:
            return []
        answer = await self._server.call("GET", config_path(self._job))
        if answer.status == 404:  # noqa: PLR2004  # an HTTP status
            return []
        if answer.status == 403 and not answer.sign_in:  # noqa: PLR2004  # an HTTP status
            return ["this user may not read its configuration, so it was not checked what it binds"]
        if answer.status != 200 or answer.sign_in:  # noqa: PLR2004  # an HTTP status
            raise self._server.error_of(answer)
        bound = b"".join(_WRAPPERS.findall(answer.body))
        # The script of a Pipeline binds them by itself.
        return [
            f"it does not bind the credentials {name!r} of `{setting}`: bind them to "
            f"{' and '.join(_names(setting))} at 'Use secret text(s) or file(s)', a part of the plugin "
            "Credentials Binding"
            for setting, name in self._ids.items()
            if _FREESTYLE.search(answer.body) and f"<credentialsId>{name}<".encode() not in bound
        ]

    def bind(self, config: bytes) -> bytes:
        """The configuration that we create jobs from, with what binds the credentials."""
        bindings = "".join(_binding(setting, name) for setting, name in self._ids.items())
        wrapper = f"""<buildWrappers>
    <{_WRAPPER}>
      <bindings>
{bindings}      </bindings>
    </{_WRAPPER}>
  </buildWrappers>"""
        return config.replace(_NONE, wrapper.encode()) if bindings else config


def _stores(job: str) -> Iterator[str]:
    """Where the credentials that a job finds are listed: its folders, the innermost first, and Jenkins."""
    folder = job.rpartition("/")[0]
    while folder:
        yield job_path(folder) + _STORE.format("folder")
        folder = folder.rpartition("/")[0]
    yield _STORE.format("system")


def _missing(setting: str, name: str, *, hidden: bool) -> str:
    if hidden:
        return (
            f"the credentials {name!r} of `{setting}` cannot be seen by this user, so they were not checked: "
            "it would need Credentials/View"
        )
    return (
        f"there are no credentials {name!r}, neither in the folders of the job nor in Jenkins: add them to "
        f"the global domain as a user name with its password, or correct `{setting}`"
    )


def _names(setting: str) -> tuple[str, str]:
    """The variables in which the script of the job finds the user name and the password."""
    prefix = setting.partition("_")[0].upper()
    return f"{prefix}_USERNAME", f"{prefix}_PASSWORD"


def _binding(setting: str, name: str) -> str:
    user, password = _names(setting)
    return f"""        <{_BINDING}>
          <credentialsId>{name}</credentialsId>
          <usernameVariable>{user}</usernameVariable>
          <passwordVariable>{password}</passwordVariable>
        </{_BINDING}>
"""
