"""What a terminal is given: the library's messages in its own words, and no control character.

The library's messages name its functions and their arguments, since most people meet them in a notebook. A
person at a terminal has commands and options instead. All that the command line prints of the library's words
goes through `to_terminal`; a test checks the table against every message of the package.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

# The commands by the functions that do the same.
COMMANDS_OF = {
    "agenda": "agenda",
    "attach": "status",
    "audit": "audit",
    "doctor": "doctor",
    "plan": "plan",
    "prune_runs": "runs --prune 90d",
    "publish": "publish",
    "resume": "resume",
    "run": "apply",
    "runs": "runs",
    "stores": "stores",
    "tick": "tick",
}
# The options by the arguments that mean the same.
OPTIONS_OF = {
    "before": "--before",
    "by": "--by",
    "confirm": "--confirm",
    "ends_at": "--until",
    "journal": "--journal",
    "journal_folder": "--journal-folder",
    "max_changes": "--max-changes",
    "mirror_folder": "--mirror-folder",
    "older_than": "--prune",
    "timezone": "--timezone",
}

# Every phrase of the table has one of these, so that most texts are searched only once.
_PYTHON = re.compile(r"[\w.]\(|=|\b(?:kf|klikit_frames)\.|\.problems")


def _assign_column(given: re.Match[str]) -> str:
    column = given[2] or "COLUMN"
    return f"say --column {shlex.quote(f'{given[1]}={column}')}"


def _resume_run(given: re.Match[str]) -> str:
    journal = f" --journal {shlex.quote(given[2])}" if given[2] else ""
    return f"`klikit-frames resume {given[1][:8]}{journal}`"


def _name_option(given: re.Match[str]) -> str:
    value = (given[3] or "").strip("'\"")
    return " ".join(
        filter(None, ["add" if given[1] else "", OPTIONS_OF[given[2]], value and shlex.quote(value)])
    )


# Whole phrases first, then the functions and the arguments that are left.
PHRASES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"give columns=\{'([^']+)': (?:'(\w+)'|\.\.\.)\}", _assign_column),
    (r"name it in connect\(allowed_hosts=\[\.\.\.\]\)", "name it with --allow-host"),
    (r"or pass [\w= ,]+ to connect\(\)", "or name a --profile"),
    (r"Names are looked up in a live menu: give state=kf\.read_state\(client, \.\.\.\)", "Say --names"),
    (r"give stores=kf\.stores\(client\)", "say --names"),
    (r"turn titles and SKUs into ids with kf\.resolve\(table, state\)", "say --names if it holds names"),
    (r"Give encoding=\.\.\. if texts look wrong", "Save it as UTF-8 if texts look wrong"),
    (r"It is in the frame's index: call reset_index\(\) first", "Save the table without an index"),
    (r"Flatten them: frame\.columns = frame\.columns\.map\('_'\.join\)", "Give each column one name"),
    (r"read the table with dtype=str", "save the column as text"),
    (r": read it with stores=\[[^\]]*\]", "; `klikit-frames stores` lists those there are"),
    (r"write them as kf\.Limits\(max_ids=\.\.\., max_stores=\.\.\.\)", "give --max-ids and --max-stores"),
    (r"Plan with combine=False", "Plan with --no-combine"),
    (r", or pass mirror= to kf\.run", ""),
    (r"Name another file with mirror=", "Name another file in KLIKIT_JOURNAL_MIRROR"),
    (r"\bmirror=(.+?) is (not replaced|not the path|the journal)", r"The mirror \1 is \2"),
    (r"undo\(\) needs", "It needs"),
    (
        r"Save it with plan\.save\(path\), have it approved with "
        r"kf\.approve\(path, client, by=\.\.\.\), and run kf\.load_plan\(path\)",
        "Save it with `klikit-frames plan TABLE --out PLAN`, have it approved with "
        "`klikit-frames approve PLAN --by NAME`, and apply PLAN",
    ),
    (r"kf\.resume\(\"(\w+)\", client(?:, journal='([^']*)')?\)", _resume_run),
    (r"kf\.fleet\.run with the same plans", "`klikit-frames resume`, with the --profile of each"),
    (r" See klikit_frames\.failures\(state\)\.", ""),
    (r"see \.problems for all", "--out FILE.csv writes all"),
    (
        rf"\b(?:kf|klikit_frames)\.({'|'.join(COMMANDS_OF)})\b(?:\([^()]*\))?",
        lambda given: f"`klikit-frames {COMMANDS_OF[given[1]]}`",
    ),
    (rf"(pass )?(?<![\w'\"-])({'|'.join(OPTIONS_OF)})=('[^']*'|\"[^\"]*\"|[\w.%/:+-]*\w)?", _name_option),
)
_RULES = tuple((re.compile(pattern), said) for pattern, said in PHRASES)


def to_terminal(text: str) -> str:
    """Return a message with its Python replaced by the commands and options that do the same.

    Examples
    --------
    >>> from klikit_frames.cli.terminal_words import to_terminal
    >>> to_terminal("The journal knows no run 7; kf.runs() lists what it knows.")
    'The journal knows no run 7; `klikit-frames runs` lists what it knows.'
    >>> to_terminal("If 'Marke' is meant, give columns={'Marke': 'brand_id'}, or rename it.")
    "If 'Marke' is meant, say --column Marke=brand_id, or rename it."
    >>> to_terminal('Try again, or pass before="none" to run without them.')
    'Try again, or add --before none to run without them.'
    """
    if _PYTHON.search(text):
        for pattern, said in _RULES:
            text = pattern.sub(said, text)
    return text
