"""RDKit's log is off while anybody wants quiet, and on again afterwards."""

from __future__ import annotations

from threading import Event, Thread

import pytest
from rdkit import Chem

from morelike.rdkit_log import quiet

WRONG = "c1ccccc"


def test_it_is_quiet_until_the_last_has_left(capfd: pytest.CaptureFixture[str]) -> None:
    """Who came second stays in quiet when the first leaves; when both have left, the log speaks as before."""
    entered, leave = Event(), Event()

    def other() -> None:
        with quiet():
            entered.set()
            leave.wait(120)
            Chem.MolFromSmiles(WRONG)

    with quiet():
        thread = Thread(target=other)
        thread.start()
        assert entered.wait(120)
        Chem.MolFromSmiles(WRONG)
    Chem.MolFromSmiles(WRONG)
    leave.set()
    thread.join(120)
    assert capfd.readouterr().err == ""
    Chem.MolFromSmiles(WRONG)
    assert "unclosed ring" in capfd.readouterr().err


def test_an_error_leaves_it_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    """What is raised within ends the quiet as well."""
    with pytest.raises(ValueError, match="within"), quiet():
        raise ValueError("within")
    Chem.MolFromSmiles(WRONG)
    assert "unclosed ring" in capfd.readouterr().err
