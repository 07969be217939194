"""Tables and files to checked toggles."""
