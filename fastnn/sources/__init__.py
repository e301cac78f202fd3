"""Data that is read in blocks of rows: more of them than memory holds."""
