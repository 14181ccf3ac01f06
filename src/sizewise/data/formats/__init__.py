"""The files that a log may lie in, each read row by row, and the exports that its rows may be wrapped in."""
