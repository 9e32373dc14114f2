"""What a server answers, and to whom: every route walked on a real one, over TLS."""

import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from flwr.supercore.routers import health
from flwr.supercore.routers.runtime import create_runtime_router, responses_router
from flwr.superlink.routers.control import router as control_router
from flwr.superlink.routers.fleet.router import router as fleet_router

from penchant.client.join import MembershipFolder, enrol
from penchant.client.join.connection import NotAdmittedError, ServerConnection
from penchant.shared.enrolment import EnrolmentCode
from penchant.shared.errors import RemoteError
from penchant.shared.ranker import Ranker
from penchant.shared.releases import Manifest, SignedManifest
from tests.integration.conftest import LightDevice, LiveServer, MakeServer, round_settings
