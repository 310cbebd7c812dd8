"""Measurements of one property each. An assay knows the world and the subject it is put to, and no organism."""
