"""Bundles: what the harness of another system needs to grade one assignment by itself, in one file."""

from autograder.lms.bundles.contents import BundleError, write_bundle
from autograder.lms.bundles.settings import SYSTEMS, BundleSettings, System

__all__ = ["SYSTEMS", "BundleError", "BundleSettings", "System", "write_bundle"]
