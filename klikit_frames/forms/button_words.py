"""The library's messages in a form's words: one table of Python phrases and the buttons that do the same.

The library's messages name its functions, since most people meet them in a cell. Who works in a form has
buttons and lists instead. All that a form shows of the library's words goes through `to_buttons`; a test
checks the table against every message that a form can show.
"""

from __future__ import annotations

import re

PHRASES = (
    # What to do about that stands beside the rows.
    (r" Once that is mended, resume sends the rest\.", ""),
    (r"; the rest waits for a resume\.", ". Press Carry on to try again."),
    (r"publish the store, then resume again", "publish the store, then press Carry on again"),
    # What is in the way of one.
    (r', or pass before="none" to run without them; such a run cannot be undone', ""),
    (r' That is so with before="none", with .+ where they were not known\.', ""),
    (r": connect without read_only=True to (?:write|publish)\.", ", so it may look and not write."),
    (r" Connect without read_only=True to run\.", ""),
    (r"This client is closed: connect again\.", "The connection of this form is closed. Run its cell again."),
    (
        r"This client is closed, (so nothing was \w+)\. Connect again(?: to run)?\.",
        r"The connection of this form is closed, \1. Run its cell again.",
    ),
    (r": call connect\(\) in each worker\.", ". Run the cell of this form again."),
    (r"If that is meant, pass confirm='(\w+)'(?:; it covers the ticks)?\.", r"If that is meant, type \1."),
    (r" confirm='(\w*)' is of", r" The code \1 is of"),
    (r"Wait for it or stop it; kf\.attach\(run_id\) shows how far it is", "Recent runs show how far it is"),
    (r"; kf\.runs\(\) lists what it knows\.", "; Recent runs list what it knows."),
    (r"; kf\.agenda\(\) lists them", ""),
    (r", which kf\.agenda\(\) tells", ", which Promised tells"),
    (r"; klikit_frames\.stores lists them", "; Where lists them"),
    (r"; kf\.doctor\(client\) looks at both", ""),
    (r"\bends_at=(.+?) is past", r"The end \1 is past"),
    (r"Plan with combine=False", "Send fewer at once"),
    # Where the journal lies.
    (r": name a file with journal=\.", ": make the form with a journal that is a file."),
    (r"name another journal with journal=", "make the form with another journal"),
    (r"\bjournal=(.+?) is not the path", r"The journal \1 is not the path"),
    (r"Name another file with mirror=", "Name another file in KLIKIT_JOURNAL_MIRROR"),
    (r"\bmirror=(.+?) is (not replaced|not the path|the journal)", r"The mirror \1 is \2"),
    (r"kf\.import_journal takes its runs in", "an import of it takes its runs in"),
    # What is wrong with a file.
    (
        r"give columns=\{'([^']+)': (?:'\w+'|\.\.\.)\}(?: if it means something else)?",
        r"say below what \1 means",
    ),
    (r"Names are looked up in a live menu: give state=kf\.read_state\(client, \.\.\.\)", "Give ids"),
    (r"turn titles and SKUs into ids with kf\.resolve\(table, state\)", "say below which column is which"),
    (r"give stores=kf\.stores\(client\)", "say below what the columns mean"),
    (r"Give encoding=\.\.\. if texts look wrong", "Save it as UTF-8 if texts look wrong"),
    (r"; kf\.run carries a plan out\.", "."),
    (r"read the table with dtype=str", "save the column as text"),
    (r"Write it as (\S+), or without the offset and with timezone=;", r"Write it as \1;"),
    (r", or name the clock with timezone='[^']*'", ""),
    (r"timezone='([^']*)' is no time zone", r"'\1' is no time zone"),
    (r"; see \.problems for all", "; the rows with their problems can be downloaded"),
    (r"see \.problems for all", "the rows with their problems can be downloaded"),
)
_RULES = tuple((re.compile(pattern), said) for pattern, said in PHRASES)


def to_buttons(text: str) -> str:
    """Return a message with its Python replaced by the buttons and lists that do the same.

    Examples
    --------
    >>> from klikit_frames.forms.button_words import to_buttons
    >>> to_buttons("4 rows: 4 not sent. The menus could not be read; the rest waits for a resume.")
    '4 rows: 4 not sent. The menus could not be read. Press Carry on to try again.'
    >>> to_buttons("The journal knows no run 7; kf.runs() lists what it knows.")
    'The journal knows no run 7; Recent runs list what it knows.'
    """
    for pattern, said in _RULES:
        text = pattern.sub(said, text)
    return text
