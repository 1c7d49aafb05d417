"""What TwiML does to a call."""
