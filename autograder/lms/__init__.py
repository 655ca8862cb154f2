"""Other systems: each module here translates between what a system wants and a Report."""
