"""Where subjects live: one world a module."""
