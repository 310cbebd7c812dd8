"""Worlds in which behaviour is overseen, and then is not."""
