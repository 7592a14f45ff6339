"""An example for the help of each command."""

from collections.abc import Mapping
from typing import Final

import click

EXAMPLES: Final[Mapping[str, str]] = {
    "audit list": "audit list --limit 50",
    "builders list": "builders list --json",
    "builders setup": "builders setup jenkins --apply",
    "builders test": "builders test jenkins",
    "builds cancel": "builds cancel 'acme/shop#12'",
    "builds list": "builds list --repository acme/shop --state failed --since 2h",
    "builds log": "builds log 'acme/shop#12' --follow --tail 100",
    "builds resolve": "builds resolve 'acme/shop#12' --as succeeded --reason 'the image is in the registry'",
    "builds retry": "builds retry --failed-since 2h --repository acme/shop",
    "builds show": "builds show 'acme/shop#12'",
    "builds trigger": "builds trigger acme/shop --branch main --wait",
    "channels list": "channels list --json",
    "channels test": "channels test team",
    "check": "check --config /etc/buildbridge/bridge.yaml",
    "connect": "connect github acme/shop --dry-run",
    "db backup": "db backup /srv/backup/bridge.backup",
    "db check": "db check",
    "db copy": "db copy --to postgresql://buildbridge@db.example.com/buildbridge",
    "db delete": "db delete acme/shop",
    "db export": "db export rules-of-the-api/",
    "db restore": "db restore /srv/backup/bridge.backup",
    "deliveries list": "deliveries list --source gitee --state ignored --since 1h",
    "deliveries redeliver": "deliveries redeliver 6f0c3a91 --wait",
    "deliveries show": "deliveries show 6f0c3a91 --export case/",
    "demo": "demo --once",
    "doctor": "doctor --json",
    "explain": "explain case/ --json",
    "health": "health",
    "help": "help gitee",
    "init": "init --host Gitee --builder local",
    "notices drop": "notices drop N-6f0c3a91",
    "notices list": "notices list --channel team --state pending",
    "notices preview": "notices preview acme/shop#3 --channel team",
    "notices replay": "notices replay N-6f0c3a91",
    "notices show": "notices show N-6f0c3a91",
    "reload": "reload",
    "schedules list": "schedules list",
    "schema": "schema rules",
    "serve": "serve --config /etc/buildbridge/bridge.yaml",
    "silences add": "silences add --repository acme/shop --ref main --until 4h --reason 'mirror moves'",
    "silences end": "silences end 6f0c3a91",
    "silences list": "silences list",
    "sources list": "sources list --json",
    "sources missed": "sources missed --limit 100",
    "sources test": "sources test gitee acme/shop",
    "status": "status --json",
    "token add": "token add dashboard --role viewer --expires 90d",
    "token list": "token list",
    "token revoke": "token revoke 6f0c3a91",
}
"""By the names of a command, what may follow `buildbridge`."""


def add_examples(command: click.Command, name: str) -> None:
    """Put the examples at the end of the help of a command, and of those inside of it."""
    if isinstance(command, click.Group):
        for inner_name, inner in command.commands.items():
            add_examples(inner, f"{name} {inner_name}")
    elif (example := EXAMPLES.get(name)) is not None:
        command.epilog = f"Example: buildbridge {example}"
