"""Many businesses at once."""
