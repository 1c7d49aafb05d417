"""The floors and the control, for the web server that serves the product."""

from bench.floors import serve

application = serve()
