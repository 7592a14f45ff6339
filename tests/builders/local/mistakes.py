"""The commonest mistakes with builds on this machine, by what is said of each."""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from support.mistakes import PAGE, Make
from support.wrong_servers import NAME, answering, certified, http

from bridge.builders.local import machine, registry
from bridge.builders.local.platforms import not_run_here

VERSION = "echo 'buildah version 1.39.3 (image-spec 1.1.0, runtime-spec 1.2.0)'"
SIGN_IN = b'<html><input type="password"></html>'


def _programs(site: Any, others: str = "", **scripts: str) -> None:
    """These programs are found first, and then only those of `others`."""
    folder = Path(site.stack.enter_context(TemporaryDirectory()))
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    site.patch.setenv("PATH", f"{folder}{os.pathsep}{others}".rstrip(os.pathsep))


def _found(settings: Mapping[str, Any], **scripts: str) -> Make:
    """Only these programs are installed."""

    def make(site: Any) -> Mapping[str, Any]:
        _programs(site, **scripts)
        return settings

    return make


def _registry(answer: bytes, *, tls_verify: bool = True, tls: bool = False) -> Make:
    """A registry that answers this."""

    def make(site: Any) -> Mapping[str, Any]:
        _programs(site, os.environ["PATH"], buildah=VERSION)
        folder = Path(site.stack.enter_context(TemporaryDirectory()))
        site.patch.setattr(registry, "TRUSTED", (folder,))
        context = certified("of an unknown authority", folder)[0] if tls else None
        port = site.stack.enter_context(answering(answer, context))
        return {"engine": "buildah", "registry": f"{NAME}:{port}", "tls_verify": tls_verify}

    return make


def _nowhere(site: Any) -> Mapping[str, Any]:
    _programs(site, os.environ["PATH"], buildah=VERSION)
    return {"engine": "buildah", "registry": f"{NAME}:1"}


def _without_emulators(site: Any) -> Mapping[str, Any]:
    _programs(site, os.environ["PATH"], buildah=VERSION)
    nowhere = Path(site.stack.enter_context(TemporaryDirectory()))
    site.patch.setattr(machine, "not_run_here", partial(not_run_here, emulators=nowhere))
    return {"engine": "buildah", "platforms": ["linux/s390x"]}


def _without_registry(site: Any) -> Mapping[str, Any]:
    _programs(site, os.environ["PATH"], buildah=VERSION)
    return {"engine": "buildah"}


GOOD: dict[str, Make] = {"": _registry(http("401 Unauthorized"), tls_verify=False)}
TOLD: dict[str, Make] = {
    "no program that builds images is installed (buildah, podman, docker): install buildah": _found(
        {"engine": "auto"}
    ),
    "docker --version failed": _found({"engine": "docker"}, docker="exit 1"),
    "the program git is not found, so no code can be fetched: install git": _found(
        {"engine": "docker"}, docker="echo Docker version 28"
    ),
    "the program git-lfs is not found, which `lfs: true` needs: install git-lfs": _found(
        {"engine": "docker", "lfs": True}, docker="echo Docker version 28", git=":"
    ),
    "the program make-image of the builder here is not installed": _found({"command": ["make-image"]}),
    "RUN steps for linux/s390x cannot run on this machine: install qemu-user-static": _without_emulators,
    "the registry … answers without TLS at this port: set tls_verify: false, or for docker its "
    "insecure-registries": _registry(http("200 OK")),
    "the certificate of the registry … comes from an authority that is not trusted here: write into "
    "…/ca.crt": _registry(http("200 OK"), tls=True),
    "a sign-in page answers in place of the registry … (HTTP 200): check `registry`": _registry(
        http("200 OK", SIGN_IN), tls_verify=False
    ),
    "a web page answers in place of the registry … (HTTP 200): check `registry`": _registry(
        http("200 OK", PAGE), tls_verify=False
    ),
    "the registry … answers with HTTP 404": _registry(http("404 Not Found"), tls_verify=False),
    "the registry … refuses connections: check that it runs, and `registry`": _nowhere,
}
ORDERED: dict[str, Make] = {
    "the image acme/shop names no registry: set `registry` on the builder, or name it in the rule": (
        _without_registry
    ),
}
