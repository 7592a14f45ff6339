"""Runs the daemon with a lease of so many seconds: that of 60 s has no room for many freezes in few minutes.

The first argument are the seconds; the command to run as usual comes after it. What a node does within its
lease is done in proportion.
"""

import runpy
import sys

from bridge.model import node

seconds = float(sys.argv[1])
share = seconds / node.LEASE_SECONDS
# Before any other module takes the value over.
node.LEASE_SECONDS = seconds  # type: ignore[misc]

from bridge.services import membership  # noqa: E402

membership.BEAT_SECONDS *= share  # type: ignore[misc]
membership.MARGIN_SECONDS *= share  # type: ignore[misc]
sys.argv = ["bridge", *sys.argv[sys.argv.index("bridge") + 1 :]]
runpy.run_module("bridge", run_name="__main__")
