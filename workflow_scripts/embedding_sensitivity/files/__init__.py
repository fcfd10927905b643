"""Reading and writing: whole files, checksums, tables, logs, and the errors that name them."""
