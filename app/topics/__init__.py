"""What is this call about? Topics in the admin's words, matched with what a caller said, and learnt from."""
