"""Forms for quick changes in a notebook."""
