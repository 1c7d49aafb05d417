"""Does the product lose anything when its parts are killed in the middle of calls? `python -m tests.soak`."""
