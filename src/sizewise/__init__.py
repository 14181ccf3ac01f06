"""Sizewise finds the smallest language model that does a task as well as the large one, and proves it."""

__version__ = "0.1.0"
