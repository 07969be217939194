"""Every kind of problem that a table can have: the one list of codes."""

from __future__ import annotations

from typing import Literal, NamedTuple

Severity = Literal["error", "warning"]


class Kind(NamedTuple):
    """What a code means: whether its rows are refused, and what the person does about it."""

    severity: Severity
    meaning: str
    hint: str


def _error(meaning: str, hint: str) -> Kind:
    return Kind("error", meaning, hint)


def _warning(meaning: str, hint: str) -> Kind:
    return Kind("warning", meaning, hint)


_DIGITS = "Write the id as plain digits."
_AS_TEXT = "Format the column as text where the number was typed, and type the id again."

KINDS: dict[str, Kind] = {
    # The table as a whole; `row` is missing.
    "file_empty": _error("There is nothing to read.", "Put a header line with the column names on top."),
    "file_unreadable": _error("The file cannot be read as what its name says.", "Save it again as CSV."),
    "column_missing": _error("A column that is needed is not there.", "Add the column."),
    "column_double": _error("Two columns mean the same thing.", "Keep one of them, or rename the other."),
    "column_lookalike": _error("A column is named almost like a known one.", "Correct its name."),
    "columns_nested": _error("The column names have several levels.", "Flatten the columns first."),
    # A row as a whole.
    "row_blank": _error("The row says nothing about what to switch.", "Fill it in or take it out."),
    "row_too_long": _error(
        "The row has more cells than the header.",
        "Quote the cell that has the separator in it, or take the surplus cells out.",
    ),
    "quote_unclosed": _error("A quote is opened and never closed.", "Close the quote or take it out."),
    "nul_character": _error("The cell holds a NUL character; the file may be damaged.", "Export it again."),
    "character_cut": _error(
        "The text holds half of a character, as of an emoji cut in two, which nothing can store.",
        "Type the end of the text again.",
    ),
    "json_invalid": _error(
        "The line is not a JSON object with each key once.", 'Write one {"column": value, ...} per line.'
    ),
    # Cells.
    "entity_type_blank": _error("No level is given.", "Write section, category or item."),
    "entity_type_unknown": _error("The level is not known.", "Write section, category or item."),
    "entity_type_mismatch": _error("The level is not that of the id column.", "Rename the column entity_id."),
    "scope_blank": _error("No scope is given.", "Write store, or business for the business-wide row."),
    "scope_unknown": _error("The scope is not known.", "Write store or business."),
    "flag_blank": _error("No flag is given.", "Write true or false; a blank is never read as off."),
    "flag_unknown": _error("The flag is not known.", "Write true or false."),
    "id_blank": _error("No id is given.", "Fill in the id."),
    "id_not_number": _error("This is not an id.", _DIGITS),
    "id_not_positive": _error("Ids are positive.", "Look the id up again."),
    "id_signed": _error("An id has no sign.", _DIGITS),
    "id_padded": _error("The id has leading zeros, which no id of the API has.", _DIGITS),
    "id_fraction": _error("An id is a whole number and has no decimal point.", _DIGITS),
    "id_exponent": _error("The id is in scientific notation; digits may be lost.", _AS_TEXT),
    "id_separator": _error("The id has separators between its digits.", _DIGITS),
    "id_foreign_digits": _error("The id is not in the digits 0 to 9.", _DIGITS),
    "id_too_large": _error(
        "The id is above 9223372036854775807, the largest there is.", "Look the id up again."
    ),
    "id_imprecise": _error(
        "The number is too long for the program that it came from; its last digits are already lost.",
        _AS_TEXT,
    ),
    "store_missing": _error(
        "No store is given.", "Fill in brand_id and branch_id, or write business in a column scope."
    ),
    "store_half": _error(
        "A store is a brand and a branch; one of the two is blank.", "Fill in the other id."
    ),
    "store_on_business": _error(
        "A business-wide row names a store.", "Clear brand_id and branch_id, or write store as its scope."
    ),
    "store_unreadable": _error("The store is not of the form brand/branch.", "Write it like 5297/1293."),
    "cascade_brands_unreadable": _error("The list of brands cannot be read.", "Write ids like 663|664."),
    "cascade_brands_unused": _error(
        "Brands to cascade to are given, but no cascade.", "Set cascade_to_modifier_groups, or clear them."
    ),
    # Names in place of ids.
    "name_unknown": _error("Nothing has this name.", "Look the name up again, or write the id."),
    "name_ambiguous": _error("Several things have this name.", "Write the id."),
    # Rows against each other.
    "contradiction": _error(
        "Two rows want opposite flags for one entity and place.", "Keep one of the rows."
    ),
    "contradiction_cascade": _error(
        "Two rows want other cascade options for one entity and place.", "Keep one of the rows."
    ),
    "duplicate": _warning("The row repeats an earlier one.", "Nothing to do: it is planned once."),
    "business_and_store": _warning(
        "The entity has a business row and store rows.",
        "The store rows win in their stores; check that it is meant.",
    ),
    "section_and_item": _warning(
        "A section and an item in it are switched in opposite ways.",
        "An item shows only if its section is on too; check that it is meant.",
    ),
}
