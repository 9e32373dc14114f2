"""A server's configuration: one TOML file with comments, made at the first start."""

import ipaddress
import re
import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from penchant.server.settings import RoundSettings
from penchant.shared.errors import ConfigurationError

__all__ = ["ServerConfiguration", "default_text", "load_configuration"]

TRIAL_NOTE = "# FOR A TRIAL with made-up people on one machine: rounds have no noise.\n"


LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")  # RFC 1123, and the underscore that is met


def _host_name(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        labels = text.split(".")
        if len(text) > 253 or not all(LABEL.fullmatch(label) for label in labels):
            raise ValueError(
                f"{text!r} is neither a host name nor an address; give such as 'example.org' "
                "or '192.0.2.1', without scheme, port or path"
            ) from None
    return text


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Network(_Section):
    """Where the server listens.

    Attributes:
        host: address that devices reach; ``0.0.0.0`` for all.
        port: for devices; 0 for any free one.
        names: host names and addresses in the certificate; the first is in the line for devices.
        operator_host: address of the operator's page and metrics; keep it local.
        operator_port: for them; 0 for any free one.
        certificate: PEM chain to use instead of the server's own, with ``key`` and ``authority``.
        key: its private key.
        authority: PEM of the authority that devices are to trust.
        longest_wait: seconds that a device's request for a task is held at most.
        held: requests that are held at most; other devices come again, by the server's word when.
        connections: at most, at the same time.
    """

    host: str = "0.0.0.0"
    port: int = Field(default=8443, ge=0, lt=65536)
    names: tuple[Annotated[str, AfterValidator(_host_name)], ...] = Field(
        default=("localhost", "127.0.0.1"), min_length=1
    )
    operator_host: str = "127.0.0.1"
    operator_port: int = Field(default=8444, ge=0, lt=65536)
    certificate: Path | None = None
    key: Path | None = None
    authority: Path | None = None
    longest_wait: float = Field(default=240.0, ge=0, le=3600)
    held: int = Field(default=100, gt=0)
    connections: int = Field(default=20_000, gt=0)

    @model_validator(mode="after")
    def _all_or_none(self) -> Self:
        given = [value is not None for value in (self.certificate, self.key, self.authority)]
        if any(given) and not all(given):
            raise ValueError("give certificate, key and authority together, or none of them")
        return self

    @property
    def operator_is_local(self) -> bool:
        """Whether only this machine reaches the operator's page."""
        try:
            return ipaddress.ip_address(self.operator_host).is_loopback
        except ValueError:
            return self.operator_host == "localhost"


class Pace(_Section):
    """When rounds begin.

    Attributes:
        interval: seconds from the end of a round to the beginning of the next.
        minimum_devices: enrolled devices before the first round.
    """

    interval: float = Field(default=3600.0, ge=0)
    minimum_devices: int = Field(default=100, gt=0)


class Privacy(_Section):
    """Where rounds stop.

    Attributes:
        epsilon: user-level budget of all rounds together, against whoever gets the releases.
        delta: its delta; min(1e-6, population^-1.1) if not given.
    """

    epsilon: float = Field(default=8.0, gt=0)
    delta: float | None = Field(default=None, gt=0, lt=1)


class ServerConfiguration(_Section):
    """Everything an operator sets."""

    network: Network = Network()
    pace: Pace = Pace()
    privacy: Privacy = Privacy()
    rounds: RoundSettings


def load_configuration(path: Path) -> ServerConfiguration:
    """Return the configuration in ``path``.

    Raises:
        ConfigurationError: it cannot be read, or a value in it cannot be used.
    """
    try:
        fields = tomllib.loads(path.read_text())
        return ServerConfiguration.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigurationError(f"{path}: {place}: {first['msg']}") from error
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error


def default_text(*, trial_devices: int | None = None) -> str:
    """Return the configuration that the first start writes.

    Args:
        trial_devices: for a trial with so many made-up people on this machine: five rounds of all
            of them, one after the other, without noise.
    """
    text = Path(__file__).with_name("default.toml").read_text()
    if trial_devices is None:
        return text
    trial: dict[str, object] = {
        "host": '"127.0.0.1"',
        "interval": 0,
        "minimum_devices": trial_devices,
        "rounds": 5,
        "population": trial_devices,
        "sampling_probability": 1.0,
        "minimum_cohort": 1,
        "noise_multiplier": 0.0,
        "reply_timeout": 120,
    }
    for name, value in trial.items():
        pattern = re.compile(rf"^{name} = \S+ *", re.MULTILINE)
        text, count = pattern.subn(f"{name} = {value}  ", text)
        if count != 1:
            raise RuntimeError(f"the default configuration has {count} lines for {name}")
    return TRIAL_NOTE + text
