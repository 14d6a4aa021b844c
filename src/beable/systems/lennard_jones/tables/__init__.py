"""Tables of the study: a column is a quantity in one form of numbers, a row a case."""
