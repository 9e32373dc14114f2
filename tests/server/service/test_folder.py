"""Tests of a server's folder: what a first start makes, and what it refuses."""

import os
import re
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from penchant.server.service.configuration import default_text, load_configuration
from penchant.server.service.folder import ServerFolder
from penchant.shared.command_line import main
from penchant.shared.enrolment import fingerprint_of
from penchant.shared.errors import ConfigurationError


@pytest.fixture
def folder(tmp_path: Path) -> ServerFolder:
    """A folder after a first start."""
    folder = ServerFolder(tmp_path / "server")
    folder.prepare()
    return folder


def test_a_first_start_makes_everything_once(folder: ServerFolder) -> None:
    """A second start changes nothing: devices have pinned what there is."""
    assert folder.exists()
    before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    assert set(before) == {
        "authority.key",
        "authority.pem",
        "server.key",
        "server.pem",
        "server.toml",
        "signing.key",
    }
    folder.prepare()
    assert {path.name: path.read_bytes() for path in folder.path.iterdir()} == before


def test_keys_are_for_their_owner_alone(folder: ServerFolder) -> None:
    """Nobody else can read a private key."""
    for path in folder.path.glob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_the_certificate_is_signed_by_the_authority_for_the_names(folder: ServerFolder) -> None:
    """TLS verifies it against the authority that the fingerprint is of."""
    authority = folder.authority(folder.configuration())
    certificate = x509.load_pem_x509_certificate((folder.path / "server.pem").read_bytes())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.encode()))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert folder.fingerprint(folder.configuration()) == fingerprint_of(authority)
    ssl.create_default_context(cadata=authority)


def test_a_certificate_of_ones_own_replaces_ours(tmp_path: Path, folder: ServerFolder) -> None:
    """Its authority is the one that devices are told of; none of ours is made."""
    own = ServerFolder(tmp_path / "own")
    own.path.mkdir()
    files = {"certificate": "server.pem", "key": "server.key", "authority": "authority.pem"}
    lines = [f'{name} = "{folder.path / file}"' for name, file in files.items()]
    text = default_text().replace("longest_wait", "\n".join(lines) + "\nlongest_wait")
    own.configuration_path.write_text(text)
    own.prepare()
    assert own.fingerprint(own.configuration()) == folder.fingerprint(folder.configuration())
    assert not (own.path / "authority.pem").exists()


@pytest.mark.parametrize("file", ["server.pem", "server.key"])
@pytest.mark.parametrize("content", [b"", b"garbage", None], ids=["empty", "garbage", "gone"])
def test_a_damaged_certificate_is_named(
    folder: ServerFolder, file: str, content: bytes | None
) -> None:
    """The error names the files and says what to do; nothing is made in their place in silence."""
    path = folder.path / file
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    before = sorted(folder.path.iterdir())
    if content is None and file == "server.pem":
        folder.prepare()  # as an operator does it who wants a new one
        assert path.exists()
        return
    with pytest.raises(ConfigurationError, match=r"server\.pem and .*server\.key are not"):
        folder.prepare()
    assert sorted(folder.path.iterdir()) == before


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_is_no_folder(
    tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """``penchant serve`` says in a sentence that a server cannot live there."""
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(SystemExit) as end:
        main(["serve", "--dir", str(tmp_path / place)])
    assert end.value.code != 0
    said = capsys.readouterr().err
    assert "cannot be a server's folder" in said
    assert "Errno" not in said
    assert (tmp_path / "file").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "names",
    [
        '"bad host /"',
        '""',
        '"https://example.org"',
        '"a..b"',
        '"-a"',
        '"ex\u00e4mple.org"',
        '"a:1"',
    ],
)
def test_names_that_are_no_hosts_are_refused(folder: ServerFolder, names: str) -> None:
    """What no certificate could be for is told with the configuration's name for it."""
    text = re.sub(r"(?m)^names = .*", f"names = [{names}]", default_text())
    folder.configuration_path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"network\.names.*neither a host name nor"):
        folder.configuration()


@pytest.mark.parametrize(
    "name", ["localhost", "a-b.example.org", "192.0.2.1", "2001:db8::1", "x_1"]
)
def test_names_of_hosts_are_taken(tmp_path: Path, name: str) -> None:
    """Host names and addresses, and the certificate is for them."""
    folder = ServerFolder(tmp_path)
    text = re.sub(r"(?m)^names = .*", f'names = ["{name}"]', default_text())
    folder.configuration_path.write_text(text)
    folder.prepare()
    certificate = x509.load_pem_x509_certificate((tmp_path / "server.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    found = names.get_values_for_type(x509.DNSName) + [
        str(address) for address in names.get_values_for_type(x509.IPAddress)
    ]
    assert found == [name]


def test_no_request_held_is_refused(folder: ServerFolder) -> None:
    """With none held no device would ever wait for a task."""
    text, count = re.subn(r"(?m)^held = \d+", "held = 0", default_text())
    assert count == 1
    folder.configuration_path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"network\.held: .*greater than 0"):
        folder.configuration()


def test_the_default_configuration_is_private(folder: ServerFolder) -> None:
    """Unless told otherwise, rounds have noise, a clipping norm and a budget."""
    configuration = folder.configuration()
    assert configuration.rounds.noise_multiplier == 4.0
    assert configuration.rounds.training.clipping_norm == 1.0
    assert configuration.privacy.epsilon == 8.0
    assert configuration.network.operator_is_local


def test_a_trial_says_that_it_has_no_noise(tmp_path: Path) -> None:
    """Its configuration is for the devices asked for, and marked in its first line."""
    folder = ServerFolder(tmp_path / "trial")
    folder.prepare(trial_devices=7)
    rounds = folder.configuration().rounds
    assert (rounds.population, rounds.sampling_probability) == (7, 1.0)
    assert rounds.noise_multiplier == 0.0
    assert "no noise" in folder.configuration_path.read_text().splitlines()[0]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("population = 10000", "population = 0", "rounds.population"),
        ("port = 8443", "prot = 8443", "network.prot"),
        ("epsilon = 8.0", "epsilon = -1", "privacy.epsilon"),
        ("longest_wait", 'certificate = "x"\nlongest_wait', "certificate, key and authority"),
        ("[pace]", "[pace", "cannot be read"),
    ],
)
def test_a_wrong_configuration_is_told_by_place(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    """The error names the file and the setting."""
    path = tmp_path / "server.toml"
    path.write_text(default_text().replace(old, new, 1))
    with pytest.raises(ConfigurationError, match=reason) as error:
        load_configuration(path)
    assert "server.toml" in str(error.value)


def test_commands_refuse_a_folder_that_is_none(tmp_path: Path) -> None:
    """The error says how to make one."""
    with pytest.raises(ConfigurationError, match="penchant serve"):
        ServerFolder(tmp_path).require()


def test_no_two_run_rounds_in_one_folder(folder: ServerFolder) -> None:
    """Whoever is alone is named while it runs; another, of whichever kind, is refused."""
    other = ServerFolder(folder.path)
    with folder.alone():
        assert other.running_process() == os.getpid()
        with pytest.raises(ConfigurationError, match="another process"), other.alone():
            pass
        # Being refused takes nothing from the one that runs.
        assert other.running_process() == os.getpid()
    assert other.running_process() is None
    with other.alone():
        pass


def test_the_default_rounds_count_every_reply(folder: ServerFolder) -> None:
    """Rounds with noise end on no count, and sum."""
    rounds = folder.configuration().rounds
    assert rounds.noise_multiplier > 0
    assert rounds.closing_count is None
    assert rounds.aggregation == "sum"


def test_commented_settings_can_be_used(tmp_path: Path) -> None:
    """What the default configuration shows as comments is right, once noise is off."""
    text = default_text().replace("noise_multiplier = 4.0", "noise_multiplier = 0.0")
    for name in ("aggregation", "trimmed_share", "assumed_malicious"):
        assert f"# {name} = " in text
        text = text.replace(f"# {name} = ", f"{name} = ")
    (tmp_path / "server.toml").write_text(text)
    rounds = load_configuration(tmp_path / "server.toml").rounds
    assert rounds.aggregation == "trimmed-mean"
    assert (rounds.trimmed_share, rounds.assumed_malicious) == (0.2, 2)


def test_init_makes_a_folder_and_leaves_one_that_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``penchant server init``: what serving needs, once; --trial only the first time."""
    path = tmp_path / "server"
    for is_new in (True, False):
        with pytest.raises(SystemExit) as end:
            main(["server", "init", "--dir", str(path)])
        assert end.value.code == 0
        assert capsys.readouterr().out.startswith("made") == is_new
        assert ServerFolder(path).exists()
    with pytest.raises(SystemExit) as end:
        main(["server", "init", "--dir", str(path), "--trial", "3"])
    assert end.value.code == 2
    assert ServerFolder(path).configuration().rounds.noise_multiplier > 0


def test_a_number_left_by_a_killed_server_is_nobodys(tmp_path: Path) -> None:
    """The process that has the number by now is not taken for the server."""
    folder = ServerFolder(tmp_path)
    folder.process.write_text(str(os.getpid()))
    assert folder.running_process() is None
    with folder.alone():
        assert folder.running_process() == os.getpid()
    assert folder.running_process() is None
