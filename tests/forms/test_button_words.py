"""The words of buttons: no message that a form can come to reaches it in Python."""

from __future__ import annotations

import re

import pytest

from klikit_frames.forms.button_words import PHRASES, to_buttons
from tests.cli.test_terminal_words import PYTHON, is_code, library_messages

# Rooms and files that no form calls, and those that speak before there is a form.
ELSEWHERE = (
    "api/client_arguments.py",
    "api/credentials.py",
    "auditing/state_pictures.py",
    "auditing/reconciliation.py",
    "auditing/reports.py",
    "cli/",
    "fleet/",
    "frames/frame_codec.py",
    "health.py",
    "running/approvals.py",
    "running/notifications.py",
    "running/journal_maintenance.py",
)
# Messages about what a person wrote in Python, where the form writes it.
OF_PYTHON_ALONE = (
    "='abc' is n",
    "=abc is n",
    "ids is 'abc'",
    "kf.drift(before, after)",
    "kf.run(plan, client)",
    "='abc' are no",
    "=abc is a journal that is in use here",
    "=abc is the journal",
    "Flatten them",
    "It is in the frame's index",
    "See klikit_frames.failures",
    "like=",
    "limits is",
    "stores has no column",
    "The state has no business rows",
    "The state has no rows of store",
    "progress=",
    "rows='",
    "run() takes a plan",
    "state is what",
    "undo() needs",
    "kf.resume(",
    ", journal='abc'",
)


def test_every_message__is_said_for_a_form() -> None:
    """No text of the package keeps a Python call or keyword, unless no form can come to it."""
    left = {
        where: said
        for where, text in library_messages()
        if not where.startswith(ELSEWHERE)
        and PYTHON.search(said := to_buttons(text))
        and not is_code(text)
        and not any(part in text for part in OF_PYTHON_ALONE)
    }
    assert left == {}


def test_phrases__are_all_in_use() -> None:
    """No phrase of the table outlives the message that it was written for."""
    said = [text for _, text in library_messages()]
    assert [pattern for pattern, _ in PHRASES if not any(re.search(pattern, text) for text in said)] == []


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (
            'The menu could not be read. Try again, or pass before="none" to run without them; such a run '
            "cannot be undone.",
            "The menu could not be read. Try again.",
        ),
        (
            "If 'Marke' is meant, give columns={'Marke': 'brand_id'}, or rename it.",
            "If 'Marke' is meant, say below what Marke means, or rename it.",
        ),
        (
            "ends_at=2026-01-01 00:00:00+00:00 is past, so nothing was changed.",
            "The end 2026-01-01 00:00:00+00:00 is past, so nothing was changed.",
        ),
    ],
)
def test_to_buttons__of_phrases(said: str, wanted: str) -> None:
    """The cure is a button, a list or a file to mend."""
    assert to_buttons(said) == wanted
