"""`init --service`: what it writes is where the unit looks for it."""

import re
import stat
from pathlib import Path

import pytest
import yaml
from support.commands import Done, command

UNIT = (Path(__file__).parents[2] / "systemd" / "buildbridge.service").read_text()
OPTIONS = ["--host=Gitee", "--builder=jenkins", "--channel=WECOM", "--repository=acme/shop"]


def made(root: Path) -> Done:
    done = command("init", "--service", "--root", root, *OPTIONS)
    assert (done.status, done.stderr) == (0, "")
    return done


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made(tmp_path)
    return tmp_path


def test_the_configuration_the_store_and_the_credentials_are_those_of_the_unit(root: Path) -> None:
    (file,) = re.findall(r"^ExecStart=.*--config (\S+)", UNIT, re.MULTILINE)
    config = yaml.safe_load((root / file.lstrip("/")).read_text())
    (state,) = re.findall(r"^StateDirectory=(\S+)", UNIT, re.MULTILINE)
    assert config["store"]["url"] == f"sqlite:///var/lib/{state}/bridge.db"
    text = (root / file.lstrip("/")).read_text()
    named = set(re.findall(r"\{credential: ([\w-]+)\}", re.sub("#.*", "", text)))
    assert "{file:" not in text
    assert named == {"gitee", "jenkins-token", "wecom-url", "api-token"}
    (drop_in,) = (root / "etc/systemd/system/buildbridge.service.d").iterdir()
    loaded = dict(re.findall(r"^LoadCredential=([\w-]+):(/\S+)$", drop_in.read_text(), re.MULTILINE))
    assert loaded.keys() == named
    assert all(stat.S_IMODE((root / path.lstrip("/")).stat().st_mode) == 0o600 for path in loaded.values())
    assert stat.S_IMODE((root / "etc/buildbridge/credentials").stat().st_mode) == 0o700


def test_with_the_credentials_of_the_service_it_is_good_at_once(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = root / "etc/buildbridge/bridge.yaml"
    assert "there is no credential 'gitee'" in command("check", "--config", config).stdout
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(root / "etc/buildbridge/credentials"))
    said = command("check", "--config", config)
    assert (said.status, said.stdout.splitlines()[-1]) == (0, f"{config}: valid, with 1 build repository")
    assert (
        f"{root}/etc/buildbridge/credentials/wecom-url: the secret wecom-url is the one that" in said.stdout
    )
    sample = root / "etc/buildbridge/credentials/sample/gitee.json"
    (document,) = command("explain", "--config", config, "--json", sample).documents
    assert (document["signature"], len(document["matches"])) == ("valid", 1)


def test_it_says_what_remains_to_be_done(tmp_path: Path) -> None:
    head, _, steps = made(tmp_path).stdout.partition("Next, in this order:\n")
    written = re.findall(r"^  (/\S+)$", head.partition("\n-----")[0], re.MULTILINE)
    assert set(written) == {str(path) for path in tmp_path.rglob("*") if path.is_file()}
    assert f"Put the real values into {tmp_path}/etc/buildbridge/credentials/" in steps
    assert "/opt/buildbridge/bin/pip install" in steps
    assert f"  export CREDENTIALS_DIRECTORY={tmp_path}/etc/buildbridge/credentials\n" in steps
    assert "  systemctl enable --now buildbridge.socket buildbridge.service\n" in steps
    assert (
        f"  cp systemd/buildbridge.service systemd/buildbridge.socket {tmp_path}/etc/systemd/system/\n"
        in steps
    )
    assert f"cat {tmp_path}/etc/buildbridge/credentials/gitee\n" in steps
    assert "buildbridge serve" not in steps
    (tmp_path / "lib/systemd/system").mkdir(parents=True)
    (tmp_path / "lib/systemd/system/buildbridge.service").touch()
    (tmp_path / "etc/buildbridge/bridge.yaml").rename(tmp_path / "old.yaml")
    again = command("init", "--service", "--root", tmp_path, *OPTIONS)
    assert again.complaint.startswith(f"{tmp_path}/etc/buildbridge/credentials/gitee is there already")
    assert not (tmp_path / "etc/buildbridge/bridge.yaml").exists()
    (tmp_path / "etc").rename(tmp_path / "old")
    last = made(tmp_path)
    assert "cp systemd/buildbridge.service" not in last.stdout
    assert "/opt/buildbridge/bin/pip install" not in last.stdout


def test_a_local_builder_gets_its_user_and_drop_in_before_the_start(tmp_path: Path) -> None:
    options = ["--host=Gitee", "--builder=local", "--repository=acme/shop"]
    steps = command("init", "--service", "--root", tmp_path, *options).stdout.partition(
        "Next, in this order:\n"
    )
    places = [
        steps[2].index(word) for word in ("useradd --system", "cp systemd/local-builder.conf", "enable --now")
    ]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [(["--service", "x"], "--service has places of its own"), (["--root=x"], "--root goes with")],
)
def test_options_that_do_not_go_together_are_rejected(options: list[str], complaint: str) -> None:
    done = command("init", *options)
    assert done.status == 2
    assert complaint in done.complaint
