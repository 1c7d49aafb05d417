"""Is what we send to the carrier what Twilio itself says it accepts?"""
