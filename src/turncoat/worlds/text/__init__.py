"""Worlds of text."""
