"""The REST API of the carrier, as Twilio's of 2010-04-01."""
