"""Does the product do what it promises? Stories about people and calls, on real parts."""
