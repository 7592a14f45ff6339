"""What `/metrics` shows; one registry for the process."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

DELIVERIES = Counter(
    "buildbridge_deliveries", "Deliveries by source and answer.", ["source", "answer"], registry=REGISTRY
)
DISPATCHED = Counter(
    "buildbridge_dispatched", "Deliveries by what became of them.", ["state"], registry=REGISTRY
)
HINTS = Counter(
    "buildbridge_hints", "Hints of build servers, by answer.", ["builder", "answer"], registry=REGISTRY
)
TRIGGERS = Counter(
    "buildbridge_triggers",
    "Attempts to trigger a build, by outcome.",
    ["builder", "outcome"],
    registry=REGISTRY,
)
BUILDS = Counter("buildbridge_builds", "Ended builds by state.", ["builder", "state"], registry=REGISTRY)
NOTICES = Counter(
    "buildbridge_notices", "Attempts to send a notice, by outcome.", ["channel", "outcome"], registry=REGISTRY
)
DOWN = Gauge(
    "buildbridge_service_down", "1 while a builder or channel is down.", ["service"], registry=REGISTRY
)
POLL_SECONDS = Histogram("buildbridge_poll_seconds", "How long a poll took.", ["builder"], registry=REGISTRY)
