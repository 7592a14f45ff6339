"""Buildbridge: from a push to a build to a notice."""

__version__ = "0.1.0"
