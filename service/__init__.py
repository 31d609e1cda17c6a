"""Pointmark: serves interview questions and marks free-text answers point by point."""

__version__ = "0.1.0"
