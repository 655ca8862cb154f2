"""Learning management systems: each a translation of Report."""
