"""A bare repository whose pushes the shipped hook sends to the daemon."""

import shutil
from pathlib import Path

from support.daemon import SECRET
from support.git import Origin, git

HOOK = Path(__file__).parents[2] / "deploy" / "git-hooks" / "post-receive"


class HookedOrigin(Origin):
    """`url` of the source is the daemon's, the secret is that of the tests."""

    def __init__(self, root: Path, hook_url: str) -> None:
        super().__init__(root)
        secret = root / "secret"
        secret.write_text(SECRET)
        hook = self.remote / "hooks" / "post-receive"
        hook.parent.mkdir(exist_ok=True)
        shutil.copy(HOOK, hook)
        hook.chmod(0o755)
        for name, value in (("url", hook_url), ("secretFile", str(secret)), ("cloneUrl", self.url)):
            git(self.remote, "config", f"bridge.{name}", value)
