"""The static gallery: `build` writes pages that open from disk, with no server and no network."""
