"""What is Azure DevOps's alone: several subscriptions tell of one event, and the body names it."""

import base64
import json
from pathlib import Path
from typing import Any

from bridge.forges.request import Request
from bridge.model.delivery import Delivery
from bridge.registry import FORGES

PUSH = json.loads((Path(__file__).parent / "payloads/azure-devops/push-branch.json").read_bytes())
BASIC = "Basic " + base64.b64encode(b"anybody:s3cret").decode()


def receive(**changes: Any) -> Delivery:
    """The push, with other facts."""
    return FORGES["AzureDevOps"].receive(
        id="1",
        source="azure",
        request=Request(
            {"authorization": BASIC, "content-type": "application/json"}, json.dumps(PUSH | changes).encode()
        ),
        secrets=[b"s3cret"],
        now=0,
    )


def test_two_subscriptions_to_one_event_are_one_delivery() -> None:
    first, second = receive(), receive(subscriptionId="another", notificationId=99)
    assert first.key == second.key == PUSH["id"]
    assert receive(id="another").key != first.key


def test_an_event_without_its_details_does_not_stand_in_the_way_of_the_whole() -> None:
    cut = receive(resource={"pushId": 12})
    assert cut.key != receive().key
    (event,) = FORGES["AzureDevOps"].parse(Request(cut.headers, cut.body))
    assert event.event == "other"


def test_an_id_that_is_none_is_not_used() -> None:
    for odd in (None, 7, "", "x" * 256, "a\nb", "\xe9"):
        assert receive(id=odd).key.startswith("sha256:")


def test_the_event_is_known_by_the_body_and_credentials_are_not_kept() -> None:
    delivery = receive()
    assert delivery.event == "git.push"
    assert dict(delivery.headers) == {"content-type": "application/json"}
    assert receive(eventType=None).event == "a body without an eventType"


def test_only_a_publisher_of_events_that_sends_no_other_host_s_headers_is_recognised() -> None:
    body = json.dumps(PUSH).encode()
    assert FORGES["AzureDevOps"].recognises(Request({}, body))
    assert not FORGES["AzureDevOps"].recognises(Request({"x-gitlab-event": "Push Hook"}, body))
    for odd in (b"", b"[]", b'{"publisherId": "rm", "eventType": "x"}', b'{"publisherId": "tfs"}'):
        assert not FORGES["AzureDevOps"].recognises(Request({}, odd))
