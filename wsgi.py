"""The application, for the web server and for `flask --app wsgi`."""

import os
import sys

from app import create_app, garbage
from app.cli import OF_FLASK, command_line
from config import ConfigurationError, load

# Set by `flask` itself. A command needs a part of the application; what serves or lists addresses, all of it.
_is_command = os.environ.get("FLASK_RUN_FROM_CLI") == "true" and not OF_FLASK.intersection(sys.argv[1:])

garbage.process_begins()
try:
    app = application = command_line(load()) if _is_command else create_app()
except ConfigurationError as error:
    # One clear line for each, no stack trace: the reader is whoever starts it.
    sys.exit("Can't start:\n" + "\n".join(f"  {problem}" for problem in error.problems))
finally:
    # What a command needs is imported when it is known which it is.
    if not _is_command:
        garbage.process_stands()
