"""Environments of other people, as they are published, and the one shift that is put to all of them."""
