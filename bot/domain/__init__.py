"""The words of the house: values, states and ports, on the standard library alone."""
