"""What there is in the simulated telephone network: lines, telephones, queues, rooms, messages."""
