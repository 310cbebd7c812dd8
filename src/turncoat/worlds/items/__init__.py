"""Matched items that a classifier is asked: the same item with and without what it is meant to go by, and with and
without what it may go by instead."""
