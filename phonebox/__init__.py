"""A telephone company to develop and test against: Twilio's voice and messages over real HTTP, simulated."""
