"""Brands, branches and menu trees to state frames."""
