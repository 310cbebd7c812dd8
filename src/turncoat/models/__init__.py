"""The things under test: trained networks and scripts."""
