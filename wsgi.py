"""The application, for the web server and for `flask --app wsgi`."""

import sys

from app import create_app
from config import ConfigurationError

try:
    app = application = create_app()
except ConfigurationError as error:
    # One clear line for each, no stack trace: the reader is whoever starts it.
    sys.exit("Can't start:\n" + "\n".join(f"  {problem}" for problem in error.problems))
