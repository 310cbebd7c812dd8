"""What several organisms have in common: arms, claims, conditions."""
