"""Worlds in which an intended goal and a proxy come apart."""
