"""What does a call cost? Ratios to a floor that is measured in the same run; `python -m bench`."""
