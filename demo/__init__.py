"""What does an ordinary service desk look like? Gemeente Waterrijk, a municipality that does not exist."""
