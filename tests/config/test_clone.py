"""`clone` of a source: what opens private code, and where it may be used."""

from pathlib import Path

import pytest
from support.sshd import make_key

from bridge.config.loader import Config, load_clone, load_config, load_outline
from bridge.errors import ConfigError
from bridge.registry import KINDS, builder_plans
from bridge.runtime.clock import system_clock
from bridge.runtime.git.access import split_credentials

ENVIRON = {"HOOK": "hook-secret-0123456789", "TOKEN": "clone-token-0123456789"}
HOST_KEY = "git.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDNWsa9vXw7ru1b4h0Jm1nFzHQ3yPz0Vb1Ln0s9tCk2J"
BUILDERS = "builders: {none: {kind: dummy}}\n"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    make_key(tmp_path / "key")
    (tmp_path / "known").write_text(f"# git.example.com:22 SSH-2.0\n{HOST_KEY}\n")
    return tmp_path / "key"


def written(folder: Path, clone: str, kind: str = "GitLab") -> Path:
    file = folder / "bridge.yaml"
    file.write_text(
        f"sources: {{hub: {{kind: {kind}, secrets: [{{env: HOOK}}], clone: {clone}}}}}\n{BUILDERS}"
    )
    return file


def load(folder: Path, clone: str, kind: str = "GitLab") -> Config:
    return load_config(written(folder, clone, kind), KINDS, ENVIRON)


def fault(folder: Path, clone: str, kind: str = "GitLab") -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, clone, kind)
    (found,) = caught.value.faults
    return str(found).partition(": ")[2]


def test_a_token_is_for_the_named_host_and_never_shown(tmp_path: Path) -> None:
    config = load(tmp_path, '{url: "https://Git.Example.com:443/", token: {env: TOKEN}}')
    access = config.clone_access["hub"]
    assert (access.base, access.username, access.token) == (
        "https://git.example.com", "oauth2", ENVIRON["TOKEN"]
    )  # fmt: skip
    assert ENVIRON["TOKEN"] in config.secrets
    assert ENVIRON["TOKEN"] not in repr((config, access))


@pytest.mark.parametrize(
    ("url", "is_for"),
    [
        ("https://git.example.com/acme/shop.git", True),
        ("https://bot@GIT.example.com:443/acme/shop.git", True),
        ("http://git.example.com/acme/shop.git", False),
        ("https://git.example.com:8443/acme/shop.git", False),
        ("https://git.example.com.evil.org/acme/shop.git", False),
        ("https://git.example.com@evil.org/acme/shop.git", False),
        ("https://evil.org/git.example.com/acme/shop.git", False),
        ("https://evil.org\\@git.example.com/shop.git", False),
        ("https://[::1/shop.git", False),
        ("https://[::1]/shop.git", False),
        ("git@git.example.com:acme/shop.git", False),
        ("/srv/git/shop.git", False),
    ],
)
def test_a_token_goes_to_addresses_of_its_host_only(tmp_path: Path, url: str, *, is_for: bool) -> None:
    config = load(tmp_path, '{url: "https://git.example.com", token: {env: TOKEN}}')
    assert config.clone_access["hub"].is_for(url) is is_for


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://git.example.com/a.git", "https://git.example.com"),
        ("http://git_2.local:8080/a.git", "http://git_2.local:8080"),
        ("https://代码.example/a.git", "https://代码.example"),
        ("https://[2001:DB8::1]:8443/a.git", "https://[2001:db8::1]:8443"),
        ('https://a[::1]:p@x"] helper = !id;.example/a.git', None),
        ('https://a:p@x"y/a.git', None),
        ("https://a:p@x y/a.git", None),
        ("https://a:p@[fe80::1%25x]/a.git", None),
        ("https://a:p@x;y/a.git", None),
    ],
)
def test_what_is_no_name_of_a_host_gets_no_heading_in_the_configuration_of_git(
    url: str, base: str | None
) -> None:
    _, in_address = split_credentials(url.replace("//", "//a:p@") if base else url)
    assert (in_address and in_address.base) == base


@pytest.mark.parametrize(
    ("kind", "clone", "base", "username"),
    [
        ("GitHub", "{token: {env: TOKEN}}", "https://github.com", "x-access-token"),
        ("Gitee", "{username: bot, token: {env: TOKEN}}", "https://gitee.com", "bot"),
        ("Bitbucket", "{token: {env: TOKEN}}", "https://bitbucket.org", "x-token-auth"),
        ("AzureDevOps", "{token: {env: TOKEN}}", "https://dev.azure.com", "bridge"),
    ],
)
def test_what_every_source_of_a_kind_would_say_may_be_left_out(
    tmp_path: Path, kind: str, clone: str, base: str, username: str
) -> None:
    access = load(tmp_path, clone, kind).clone_access["hub"]
    assert (access.base, access.username) == (base, username)


@pytest.mark.parametrize(
    ("prefer", "address"),
    [
        ("", "https://git.example.com/a/b.git"),
        (", prefer: https", "https://git.example.com/a/b.git"),
        (", prefer: ssh", "git@git.example.com:a/b.git"),
    ],
)
def test_with_both_a_token_and_a_key_the_setting_says_which(
    tmp_path: Path, key: Path, prefer: str, address: str
) -> None:
    both = f"token: {{env: TOKEN}}, ssh_key: {{file: {key}}}, known_hosts: {{file: known}}{prefer}"
    config = load(tmp_path, f'{{url: "https://git.example.com", {both}}}')
    assert config.clone_access["hub"].address("https://git.example.com/a/b.git") == address
    assert config.clone_access["hub"].address("https://other.example.com/a/b.git").startswith("https://other")


def test_a_key_with_line_ends_of_windows_and_no_last_one_is_mended(tmp_path: Path, key: Path) -> None:
    text = key.read_text()
    key.write_bytes(text.rstrip("\n").replace("\n", "\r\n").encode())
    config = load(tmp_path, f"{{ssh_key: {{file: {key}}}, known_hosts: {{file: known}}}}")
    access = config.clone_access["hub"]
    assert (access.ssh_key, access.known_hosts) == (text, f"{HOST_KEY}\n")
    assert access.address("https://gitlab.com/a/b.git") == "git@gitlab.com:a/b.git"
    # In a log a key comes line by line.
    assert set(text.splitlines()[1:-1]) <= config.secrets


@pytest.mark.parametrize(
    ("kind", "clone", "problem"),
    [
        ("GitLab", "{}", "sources.hub.clone: opens nothing: give a token, or ssh_key with known_hosts"),
        ("GitLab", "{username: bot}", "opens nothing"),
        ("Simple", "{username: a, token: {env: TOKEN}}", "sources.hub.clone: url is missing: the address of"),
        ("Gitee", "{token: {env: TOKEN}}", "username is missing: Gitee wants the one that the token belongs"),
        ("GitLab", "{url: git.example.com, token: {env: TOKEN}}", "clone.url: must be an address such as"),
        ("GitLab", '{url: "https://a.example/group", token: {env: TOKEN}}', "clone.url: must be the address"),
        ("GitLab", '{url: "https://u:p@a.example", token: {env: TOKEN}}', "clone.url: must not contain a"),
        ("GitLab", "{token: {env: NONE}}", "the environment variable NONE is not set"),
        ("GitLab", '{token: "a\\nb"}', "clone.token: must be one line"),
        ("GitLab", "{ssh_key: {file: key}}", "`ssh-keyscan HOST` prints into a file"),
        ("GitLab", '{url: "https://a.example", ssh_key: {file: key}}', "`ssh-keyscan a.example` prints into"),
        ("GitLab", "{token: {env: TOKEN}, known_hosts: {file: known}}", "known_hosts is for ssh_key"),
        ("GitLab", "{token: {env: TOKEN}, prefer: ssh}", "prefer: ssh needs ssh_key and known_hosts"),
        ("GitLab", "{ssh_key: {file: key}, known_hosts: {file: known}, prefer: https}", "https needs a"),
        ("GitLab", "{ssh_key: {file: key}, known_hosts: {file: key}}", "is no line such as `ssh-keyscan"),
        ("GitLab", '{ssh_key: {file: key}, known_hosts: "# none"}', "clone.known_hosts: has no key of a"),
        ("GitLab", "{ssh_key: {file: key.pub}, known_hosts: {file: known}}", "give the file without .pub"),
        ("GitLab", "{ssh_key: {file: known}, known_hosts: {file: known}}", "clone.ssh_key: is no private"),
        ("GitLab", "{ssh_key: {file: locked}, known_hosts: {file: known}}", "needs a pass phrase, and no"),
        ("GitLab", "{ssh_key: {file: old}, known_hosts: {file: known}}", "needs a pass phrase, and no one"),
        ("GitLab", "{ssh_key: {file: putty}, known_hosts: {file: known}}", "is a key of PuTTY: `puttygen"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_a_cure(
    tmp_path: Path, key: Path, kind: str, clone: str, problem: str
) -> None:
    assert key.exists()
    make_key(tmp_path / "locked", "a pass phrase")
    block = "-----{} RSA PRIVATE KEY-----"
    old = f"{block.format('BEGIN')}\nProc-Type: 4,ENCRYPTED\n\nAAAA\n{block.format('END')}\n"
    (tmp_path / "old").write_text(old)
    (tmp_path / "putty").write_text("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n")
    assert problem in fault(tmp_path, clone, kind)


def test_what_is_read_without_secrets_needs_neither_token_nor_key(tmp_path: Path) -> None:
    file = written(tmp_path, "{token: {file: gone}, ssh_key: {file: gone}, known_hosts: {file: gone}}")
    assert load_outline(file, KINDS, {}).settings.sources["hub"].clone is not None


def test_only_builders_that_fetch_code_get_it_and_are_made_anew_when_it_changes(tmp_path: Path) -> None:
    both = BUILDERS.replace("}}", "}, here: {kind: local, command: [make]}}")
    plans = []
    for token in ("first-0123456789", "second-0123456789"):
        file = written(tmp_path, f"{{token: {token}}}")
        file.write_text(file.read_text().replace(BUILDERS, both))
        plans.append(builder_plans(load_config(file, KINDS, ENVIRON), system_clock))
    assert plans[0]["none"] == plans[1]["none"]
    assert plans[0]["here"] != plans[1]["here"]


def test_one_source_is_opened_without_the_secrets_of_anything_else(tmp_path: Path) -> None:
    file = written(tmp_path, "{token: {env: TOKEN}}")
    found = load_clone(file, KINDS, {"TOKEN": ENVIRON["TOKEN"]}, "hub")
    assert found is not None
    assert found.token == ENVIRON["TOKEN"]
    assert load_clone(file, KINDS, {}, "another") is None


def test_a_token_that_crosses_the_network_in_the_open_is_warned_of(tmp_path: Path) -> None:
    warned = {}
    for host in ("http://git.example.com", "http://127.0.0.1:3000", "https://git.example.com"):
        warnings = load(tmp_path, f'{{url: "{host}", token: {{env: TOKEN}}}}').warnings
        warned[host] = [one.problem for one in warnings if "can read the token" in one.problem]
    assert {host: len(problems) for host, problems in warned.items()} == {
        "http://git.example.com": 1,
        "http://127.0.0.1:3000": 0,
        "https://git.example.com": 0,
    }
