"""What every test has: a state folder that is not the user's."""

from collections.abc import Iterator

import pytest

from penchant.shared.files import STATE_VARIABLE


@pytest.fixture(scope="session", autouse=True)
def _state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep witnesses of privacy ledgers out of the user's state folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(STATE_VARIABLE, str(tmp_path_factory.mktemp("state")))
        yield
