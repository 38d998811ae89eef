"""The kinds of store that can be erased from."""
