"""GitHub with one repository, for classic and fine-grained tokens and for an app.

Source: GitHub, "REST API endpoints for GitHub Actions" (https://docs.github.com/en/rest/actions)
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.fake_actions import FILE, REPOSITORY, FakeActions, moment
from support.fake_http import Reply, json_reply, served

TOKEN = "ghp_token-of-the-tests"
APP_ID = 4711
INSTALLATION = 815
MONTH = 30 * 86_400
MOST_RERUNS = 50


class FakeGitHub(FakeActions):
    """`gives_ids` is False for Enterprise Servers that do not know `return_run_details`."""

    def __init__(self) -> None:
        super().__init__()
        self.gives_ids = True
        self.permissions = {"pull": True, "push": True}
        self.state = "active"
        self.archived = False
        self.deaf = False
        self.gone: set[str] = set()
        self.tokens = {TOKEN}
        self.life = 3600.0

    def stranger(self, method: str, path: str, headers: Mapping[str, str]) -> Reply | None:
        given = (headers.get("Authorization") or "").removeprefix("Bearer ")
        if path == f"app/installations/{INSTALLATION}/access_tokens":
            return self.app_token(given)
        if given in self.tokens:
            return None
        return json_reply({"message": "Bad credentials"}, 401)

    def app_token(self, proof: str) -> Reply:
        try:
            options: Any = {"verify_exp": False, "verify_iat": False}
            claims = jwt.decode(proof, key().public_key(), algorithms=["RS256"], options=options)
        except jwt.PyJWTError:
            return json_reply({"message": "A JSON web token could not be decoded"}, 401)
        if claims["iss"] != str(APP_ID) or not claims["iat"] <= self.now < claims["exp"] <= self.now + 600:
            return json_reply({"message": "'Expiration time' claim is wrong"}, 401)
        token = f"ghs_{len(self.tokens)}"
        self.tokens.add(token)
        return json_reply({"token": token, "expires_at": moment(self.now + self.life)}, 201)

    def asked(  # noqa: PLR0911  # an answer for each call
        self, method: str, path: str, query: Mapping[str, str], body: bytes
    ) -> Reply | None:
        root = f"repos/{REPOSITORY}"
        if self.hidden:
            return None
        if method == "POST" and (
            found := re.fullmatch(r"/actions/runs/(\d+)/rerun", path.removeprefix(root))
        ):
            return self.rerun(int(found[1]))
        match method, path.removeprefix(root).replace(f"/workflows/{FILE}", "/workflow"):
            case "GET", "":
                rights = {"permissions": self.permissions}
                return json_reply({"full_name": REPOSITORY, "archived": self.archived, **rights})
            case "GET", "/actions/workflow":
                return json_reply({"id": 1, "path": f".github/workflows/{FILE}", "state": self.state})
            case "GET", "/actions/workflow/runs":
                runs = self.page(query, "per_page")
                return json_reply({"total_count": len(self.runs), "workflow_runs": runs})
            case "POST", "/actions/workflow/dispatches":
                return self.dispatched(json.loads(body))
            case "POST", "/dispatches":
                return self.event(json.loads(body))
        return None

    def dispatched(self, order: dict[str, Any]) -> Reply:
        inputs = order.get("inputs", {})
        if "return_run_details" in order and not self.gives_ids:
            why = 'Invalid request.\n\n"return_run_details" is not a permitted key.'
            return json_reply({"message": why}, 422)
        ref = order["ref"].removeprefix("refs/heads/").removeprefix("refs/tags/")
        if ref in self.gone:
            return json_reply({"message": f"No ref found for: {order['ref']}"}, 422)
        if self.state != "active":
            return json_reply({"message": "Cannot trigger a 'workflow_dispatch' on a disabled workflow"}, 422)
        if refusal := self.refused(ref, inputs):
            return json_reply({"message": refusal}, 422)
        run = self.add(inputs, ref=order["ref"], title=self.titled(ref, "inputs", inputs))
        if order.get("return_run_details"):
            return json_reply({"workflow_run_id": run.id, "run_url": "", "html_url": ""})
        return Reply(204)

    def rerun(self, number: int) -> Reply | None:
        """Another attempt of a run, unless it goes on, is older than a month or has had enough of them."""
        run = next((run for run in self.runs if run.id == number), None)
        if run is None:
            return None
        if run.status != "completed":
            return json_reply({"message": "This workflow is already running"}, 403)
        if self.now - run.created > MONTH:
            why = "Unable to retry this workflow run because it was created over a month ago"
            return json_reply({"message": why}, 403)
        if run.attempt > MOST_RERUNS:
            return json_reply({"message": "This workflow run cannot be retried"}, 403)
        self.again(run)
        return json_reply({}, 201)

    def event(self, order: dict[str, Any]) -> Reply:
        payload = order["client_payload"]
        assert len(payload) <= 10
        if not self.deaf:
            ((name, values),) = payload.items()
            title = self.titled("", f"github.event.client_payload.{name}", values)
            self.add(values, title=title, event="repository_dispatch")
        return Reply(204)


@cache
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def pem() -> str:
    """The private key of the app."""
    return key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


@contextmanager
def fake_github() -> Iterator[FakeGitHub]:
    with served(FakeGitHub()) as server:
        yield server
