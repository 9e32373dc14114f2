"""Passphrases: from the environment, or from the person."""

import os

import typer

__all__ = ["ask_new_passphrase", "ask_other_passphrase", "ask_passphrase"]

PASSPHRASE_VARIABLE = "PENCHANT_PASSPHRASE"
OTHER_VARIABLE = "PENCHANT_NEW_PASSPHRASE"


def ask_passphrase() -> str:
    """Return the passphrase of the device's keys: ``PENCHANT_PASSPHRASE``, or what is typed."""
    return os.environ.get(PASSPHRASE_VARIABLE) or typer.prompt("Passphrase", hide_input=True)


def ask_new_passphrase() -> str:
    """Return the passphrase of a device that is made: as ``ask_passphrase``, but typed twice."""
    return os.environ.get(PASSPHRASE_VARIABLE) or _twice()


def ask_other_passphrase() -> str:
    """Return the passphrase that takes over: ``PENCHANT_NEW_PASSPHRASE``, or typed twice."""
    return os.environ.get(OTHER_VARIABLE) or _twice()


def _twice() -> str:
    typed: str = typer.prompt("New passphrase", hide_input=True, confirmation_prompt=True)
    return typed
