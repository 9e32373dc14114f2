"""Joining a server: enrolment, the fleet connection, releases, and taking part in rounds.

Needs the ``train`` extra.
"""

from penchant.client.join.enrolment import enrol
from penchant.client.join.joined import Joined
from penchant.client.join.membership import Membership, MembershipFolder
from penchant.client.join.runtime import Progress, Runtime
from penchant.shared.enrolment import EnrolmentCode

__all__ = [
    "EnrolmentCode",
    "Joined",
    "Membership",
    "MembershipFolder",
    "Progress",
    "Runtime",
    "enrol",
]
