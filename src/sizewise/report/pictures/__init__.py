"""The charts, drawn with matplotlib as SVG that takes its colours from the page."""
