"""Everything that reads bytes from outside: messages, releases, files, codes, keys, profiles."""

import base64
import hashlib
import io
import json
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.fuzz.mutations import (
    changed_json,
    mutated,
    mutated_text,
    nearly_json,
    nearly_safetensors,
)
from tests.fuzz.target import Target

from penchant.client import Device, Event
from penchant.client.home import HOME_FILE, Home
from penchant.client.join.membership import MembershipFolder
from penchant.client.portability import PROFILE_FORMAT, Profile, settle
from penchant.client.storage import KeyFile, Passphrase, RawKey, Store, unseal
from penchant.client.storage.wrapping import data_key, key_path
from penchant.server.checkpoints import RoundState, load_checkpoint, save_checkpoint
from penchant.shared.catalogue import Catalogue
from penchant.shared.catalogue.packing import pack_catalogue, unpack_catalogue
from penchant.shared.codec import decode_result, decode_task, encode_result, encode_task
from penchant.shared.contract import (
    MEASURE_SIZE,
    LearningRates,
    LocalTraining,
    TrainingResult,
    TrainingTask,
)
from penchant.shared.enrolment import EnrolmentCode, fingerprint_of
from penchant.shared.errors import PenchantError
from penchant.shared.features import FeatureMap
from penchant.shared.ranker import Preset, Ranker, RankerSettings
from penchant.shared.releases import (
    Manifest,
    ReleaseKind,
    SignedManifest,
    load_signing_key,
    signing_key_text,
)
from penchant.shared.requests import (
    RequestSignature,
    load_public_key,
    public_key_text,
    sign_request,
)
from penchant.shared.scoring import Scorer

__all__ = ["KEYS", "decoder_targets", "example_task", "repacked", "small_catalogue", "small_ranker"]

SIZE = 5
PASSPHRASE = "correct horse battery"
CHEAP: dict[str, str | int] = {
    "salt": "00" * 16,
    "n": 2,
    "r": 1,
    "p": 1,
}  # scrypt's costs: thousands are derived
KEYS = RawKey(bytes(range(32)))
CERTIFICATE_WORDS = (
    "-----BEGIN CERTIFICATE-----\n"
    + base64.encodebytes(bytes(range(256))).decode()
    + "-----END CERTIFICATE-----\n"
)


def example_task(model_id: str, vector: NDArray[np.float32]) -> TrainingTask:
    """A task of training a ranker with these numbers."""
    rates = LearningRates(**dict.fromkeys(LearningRates.model_fields, 0.5))
    training = LocalTraining(steps=1, examples=4, negatives=4, rates=rates, clipping_norm=1.0)
    return TrainingTask(model_id, 1, training, vector, noise_multiplier=4.0)


def small_catalogue() -> Catalogue:
    """Twelve items."""
    embeddings = np.random.default_rng(0).standard_normal((12, 8)).astype(np.float32)
    items = [f"item-{number}" for number in range(12)]
    return Catalogue.of(items, embeddings, texts=[f"Text {item}" for item in items])


def small_ranker(catalogue: Catalogue) -> Ranker:
    """A ranker over them."""
    settings = RankerSettings(
        preset=Preset.COMPACT,
        items=len(catalogue),
        features=4,
        dimension=2,
        history_length=3,
        catalogue=catalogue.fingerprint,
    )
    return Ranker.initial(settings, FeatureMap.principal(catalogue.embeddings, rank=4))


def decoder_targets(folder: Path) -> list[Target]:
    """Return what reads bytes, text and files.

    Args:
        folder: an empty one to write them in.
    """
    return [
        *_messages(),
        *_signed(),
        *_texts(),
        *_tensors(folder / "tensors"),
        *_catalogues(folder / "catalogues"),
        *_device_files(folder / "device"),
        *_profiles(folder / "profiles"),
    ]


def _expecting(read: Callable[[Any], object]) -> Callable[[Any], None]:
    """Return ``read`` with penchant's own errors as an answer like any other."""

    def check(value: Any) -> None:
        with suppress(PenchantError):
            read(value)

    return check


def _messages() -> list[Target]:
    vector = np.linspace(-1, 1, SIZE).astype(np.float32)
    task = encode_task(example_task("0" * 16, vector))
    result = encode_result(TrainingResult("0" * 16, 1, vector))
    asking = encode_task(replace(example_task("0" * 16, vector), measure_noise_multiplier=8.0))
    measured = encode_result(TrainingResult("0" * 16, 1, vector, vector[:MEASURE_SIZE]))
    seeds = [task, result, asking, measured]

    @st.composite
    def framed(draw: Callable[..., Any]) -> bytes:
        """A changed header that is as long as the message says."""
        seed: bytes = draw(st.sampled_from(seeds))
        length = int.from_bytes(seed[6:10], "little")
        header: bytes = draw(nearly_json([json.loads(seed[10 : 10 + length])]))
        return seed[:6] + len(header).to_bytes(4, "little") + header + seed[10 + length :]

    inputs = st.one_of(mutated(seeds), framed(), st.binary(max_size=200))
    sizes = st.sampled_from([SIZE, SIZE, SIZE, 0, 1, 2**40])
    pairs = st.tuples(inputs, sizes)
    return [
        Target("codec: tasks", pairs, _expecting(lambda p: decode_task(p[0], size=p[1])), 4),
        Target("codec: results", pairs, _expecting(lambda p: decode_result(p[0], size=p[1])), 4),
    ]


def _signed() -> list[Target]:
    key = ed25519.Ed25519PrivateKey.generate()
    manifest = Manifest(
        kind=ReleaseKind.RANKER,
        version=3,
        size=7,
        sha256="0" * 64,
        catalogue="0" * 16,
        model_id="1" * 16,
        round_number=2,
        created=1000,
    )
    signed = SignedManifest.sign(manifest, key)
    seeds = [signed.model_dump_json().encode()]

    def read(data: bytes) -> None:
        SignedManifest.parse(data).verified(key.public_key())

    def read_signed(text: bytes) -> None:
        """What the key's owner signed may still be nonsense."""
        content = text.decode("utf-8", "replace")[:4096]
        signature = key.sign(b"penchant release 1\n" + content.encode())
        made = SignedManifest(manifest=content, signature=base64.b64encode(signature).decode())
        _ = made.tag
        made.verified(key.public_key())

    values = [json.loads(manifest.model_dump_json())]
    return [
        Target(
            "releases: signed manifests",
            st.one_of(mutated(seeds), nearly_json([json.loads(seeds[0])])),
            _expecting(read),
        ),
        Target("releases: what was signed", nearly_json(values), _expecting(read_signed)),
    ]


def _texts() -> list[Target]:
    code = str(EnrolmentCode.make(bytes(range(15)), "A" * 24))
    private = ec.generate_private_key(ec.SECP384R1())
    public = public_key_text(private.public_key())
    signing = signing_key_text(ed25519.Ed25519PrivateKey.generate().public_key())
    signature = sign_request(private, method="POST", path="/", body=b"", time=1000)
    headers = list(signature.headers().values())

    def read_headers(texts: tuple[str, str, str]) -> None:
        RequestSignature.of_headers(*texts).is_valid(method="POST", path="/", body=b"")

    return [
        Target("enrolment codes", mutated_text([code]), _expecting(EnrolmentCode.parse)),
        Target(
            "certificates", mutated_text([CERTIFICATE_WORDS, public.decode()]),
            _expecting(fingerprint_of),
        ),
        Target("public keys", mutated([public]), _expecting(load_public_key)),
        Target("signing keys", mutated_text([signing]), _expecting(load_signing_key)),
        Target(
            "request signatures",
            st.tuples(*(mutated_text([header]) for header in headers)),
            _expecting(read_headers),
        ),
    ]  # fmt: skip


def _tensors(folder: Path) -> list[Target]:
    folder.mkdir(parents=True)
    path = folder / "file"
    ranker = small_ranker(small_catalogue())
    ranker.save(path)
    rankers = [path.read_bytes()]
    save_checkpoint(path, RoundState.initial(ranker.vector), model_id=ranker.model_id)
    checkpoints = [path.read_bytes()]

    def read_ranker(data: bytes) -> None:
        path.write_bytes(data)
        found = Ranker.load(path)
        _ = found.model_id, found.arrays

    def read_checkpoint(data: bytes) -> None:
        path.write_bytes(data)
        load_checkpoint(path, model_id=ranker.model_id)

    return [
        Target("rankers", nearly_safetensors(rankers), _expecting(read_ranker), 2),
        Target("checkpoints", nearly_safetensors(checkpoints), _expecting(read_checkpoint), 2),
    ]


def _catalogues(folder: Path) -> list[Target]:
    small = small_catalogue()
    made = folder / "made"
    folder.mkdir(parents=True)
    Catalogue.write(made, small.items, texts=small.texts, embeddings=small.embeddings)
    contents = {path.name: path.read_bytes() for path in sorted(made.iterdir())}
    opened = folder / "opened"
    opened.mkdir()

    @st.composite
    def changed(draw: Callable[..., Any]) -> dict[str, bytes]:
        name = draw(st.sampled_from([*contents, "manifest.json"]))
        if name == "manifest.json":
            return {name: draw(nearly_json([json.loads(contents[name])]))}
        return {name: draw(mutated([contents[name]]))}

    def read(files: dict[str, bytes]) -> None:
        for name, content in (contents | files).items():
            (opened / name).write_bytes(content)
        catalogue = Catalogue.open(opened)
        _ = list(catalogue.items), catalogue.embeddings, catalogue.positions(["item-3", "x", None])

    archive, out = folder / "archive", folder / "out"
    pack_catalogue(made, archive)
    packed = archive.read_bytes()

    def unpack(data: bytes) -> None:
        archive.write_bytes(data)
        with _emptied(out):
            unpack_catalogue(archive, out)
            catalogue = Catalogue.open(out, verify=False)
            assert np.isfinite(catalogue.embeddings).all()
            _ = list(catalogue.items), list(catalogue.texts or ())
            catalogue.positions(["item-3", "x", None, *catalogue.items])

    assert _tar(contents) == packed
    archives = st.one_of(mutated([packed]), repacked(contents))
    return [
        Target("catalogues", changed(), _expecting(read), 2),
        Target("packed catalogues", archives, _expecting(unpack), 2),
    ]


@st.composite
def repacked(draw: Callable[..., Any], contents: dict[str, bytes]) -> bytes:
    """Give a packed catalogue with a changed file whose hash is right: what a server may sign."""
    name = draw(st.sampled_from(sorted(contents.keys() - {"manifest.json"})))
    files = contents | {name: draw(mutated([contents[name]]))}
    manifest = json.loads(contents["manifest.json"])
    for listed in manifest["files"]:
        manifest["files"][listed] = hashlib.sha256(files[listed]).hexdigest()
    return _tar(files | {"manifest.json": json.dumps(manifest).encode()})


def _tar(files: dict[str, bytes]) -> bytes:
    """Files as a packed catalogue has them."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in ("manifest.json", *sorted(files.keys() - {"manifest.json"})):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            archive.addfile(member, io.BytesIO(files[name]))
        length = made.tell()
    return made.getvalue()[:length] + bytes(1024)


def _device_files(folder: Path) -> list[Target]:
    folder.mkdir(parents=True)
    database, file = folder / "behaviour.sqlite", folder / "file"
    data_key(database, KEYS, purpose="behaviour")
    wrapped = key_path(database).read_bytes()

    def read_wrapped(data: bytes) -> None:
        key_path(database).write_bytes(data)
        with suppress(PenchantError):
            data_key(database, KEYS, purpose="behaviour")
        data_key(database, Passphrase(PASSPHRASE), purpose="behaviour")

    def with_checksum(fields: Any) -> bytes:
        """The checksum is no secret: whoever writes the file can make one."""

        def canonical(value: Any) -> bytes:
            return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

        if not isinstance(fields, dict):
            return canonical(fields)
        fields.pop("checksum", None)
        digest = hashlib.sha256(canonical(fields)).hexdigest()
        return canonical(fields | {"checksum": digest}) + b"\n"

    own = json.loads(wrapped)
    typed = own | {"source": "a passphrase", "parameters": CHEAP}
    values = st.one_of(changed_json(own), changed_json(typed), changed_json({**typed, "n": 2**14}))

    def read_key_file(data: bytes) -> None:
        file.unlink(missing_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
        KeyFile(file).find("", {})

    def read_home(data: bytes) -> None:
        (folder / HOME_FILE).write_bytes(data)
        Home.read(folder)

    joined = MembershipFolder(folder, KEYS)
    joined.key()
    sealed = (joined.path / "device.sealed").read_bytes()
    identity = {"url": "https://a:1", "authority": "", "node": 1, "signing_key": "00"}

    def read_membership(files: tuple[bytes, bytes]) -> None:
        (joined.path / "server.json").write_bytes(files[0])
        (joined.path / "device.sealed").write_bytes(files[1])
        MembershipFolder(folder, KEYS).load()

    home = {"catalogue": "/a", "ranker": None, "encoder": None, "keys": "file", "key_file": "/k"}
    return [
        Target(
            "wrapped keys",
            st.one_of(mutated([wrapped]), values.map(with_checksum)),
            _expecting(read_wrapped),
            2,
        ),
        Target("key files", mutated([bytes(range(32))]), _expecting(read_key_file)),
        Target(
            "memberships",
            st.tuples(nearly_json([identity]), st.one_of(st.just(sealed), mutated([sealed]))),
            _expecting(read_membership),
        ),
        Target("device.json", nearly_json([home]), _expecting(read_home)),
    ]


def _profiles(folder: Path) -> list[Target]:
    folder.mkdir(parents=True)
    catalogue = small_catalogue()
    scorer = Scorer.bind(small_ranker(catalogue), catalogue)
    with Device.open(folder / "device", scorer, keys=KEYS) as device:
        device.observe(*(Event(kind="view", item=f"item-{n}", time=1000 + n) for n in range(3)))
        device.move_to(folder / "profile", passphrase=PASSPHRASE)
    plain = unseal((folder / "profile").read_bytes(), PASSPHRASE, purpose=PROFILE_FORMAT)
    record = json.loads(zlib.decompress(plain))
    path = folder / "file"

    def sealed(content: bytes, costs: dict[str, Any] = CHEAP) -> bytes:
        """Content under the passphrase, with costs that tests can pay."""
        fields = {"penchant": PROFILE_FORMAT, "scrypt": costs, "nonce": "00" * 12}
        header = json.dumps(fields, sort_keys=True).encode() + b"\n"
        key = Passphrase(PASSPHRASE).find("", CHEAP)
        return header + AESGCM(key).encrypt(bytes(12), content, header)

    costs = changed_json(CHEAP).filter(lambda value: isinstance(value, dict))
    files = st.one_of(
        mutated([sealed(zlib.compress(json.dumps(record).encode()))]),
        nearly_json([record]).map(lambda text: sealed(zlib.compress(text))),
        mutated([zlib.compress(json.dumps(record).encode())]).map(sealed),
        costs.map(lambda changed: sealed(b"", changed)),
    )

    def read(data: bytes) -> None:
        path.write_bytes(data)
        Profile.read(path, PASSPHRASE)

    def require_readable(store: Store) -> None:
        store.events()

    def arrive(value: Any) -> None:
        path.write_bytes(sealed(zlib.compress(json.dumps(value).encode())))
        with _emptied(folder / "arrived") as place:
            settle(
                Profile.read(path, PASSPHRASE),
                place,
                keys=KEYS,
                durable=False,
                embedded=require_readable,
            )

    return [
        Target("profiles", files, _expecting(read), 2),
        Target("profiles that arrive", changed_json(record), _expecting(arrive), 0.3),
    ]


@contextmanager
def _emptied(folder: Path) -> Iterator[Path]:
    shutil.rmtree(folder, ignore_errors=True)
    yield folder
