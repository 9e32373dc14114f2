"""The privacy ledger: consent, budget, and what may leave the device."""

from penchant.client.ledger.consent import Purpose, Receipt, Terms, terms_of
from penchant.client.ledger.journal import MIGRATIONS, Answer
from penchant.client.ledger.ledger import Ledger
from penchant.client.ledger.opening import LEDGER, MARK, open_ledger, settle_ledger
from penchant.client.ledger.preview import Part, Preview, preview_of
from penchant.client.ledger.report import PrivacyReport, Spending
from penchant.client.ledger.settings import LAB_BUDGET, BudgetSettings
from penchant.client.ledger.witness import FileWitness, StoreWitness, Witness, default_witness_path

__all__ = [
    "LAB_BUDGET",
    "LEDGER",
    "MARK",
    "MIGRATIONS",
    "Answer",
    "BudgetSettings",
    "FileWitness",
    "Ledger",
    "Part",
    "Preview",
    "PrivacyReport",
    "Purpose",
    "Receipt",
    "Spending",
    "StoreWitness",
    "Terms",
    "Witness",
    "default_witness_path",
    "open_ledger",
    "preview_of",
    "settle_ledger",
    "terms_of",
]
