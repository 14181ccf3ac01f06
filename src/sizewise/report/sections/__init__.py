"""The parts of the page, each a function from the record to plain tables and sentences."""
