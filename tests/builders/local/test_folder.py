"""The folder of a local build, when the build is over."""

from support.users import open_to_all, unprivileged

from bridge.builders.local.folder import remove


def test_a_folder_is_removed_although_its_build_took_permissions_away() -> None:
    with open_to_all() as base, unprivileged():
        inner = base / "build" / "cache" / "modules"
        inner.mkdir(parents=True)
        (inner / "read-only").touch()
        for folder in (inner, inner.parent):
            folder.chmod(0o500)
        remove(base / "build")
        assert not list(base.iterdir())
