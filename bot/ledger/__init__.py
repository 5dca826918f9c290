"""Everything is written here before it is done, and read from here afterwards."""
