"""Error logs of a Python program as JSON lines, with python-json-logger (2.x or 3.x).

    import seismolog_logging
    seismolog_logging.configure(service="feature-loader", team="ml")

Writes to standard output (for a collector) or to the file given. Exceptions that nobody caught are logged too, of the
main thread and of others.
"""

import logging
import os
import sys
import threading

try:
    from pythonjsonlogger.json import JsonFormatter
except ImportError:
    from pythonjsonlogger.jsonlogger import JsonFormatter

_FIELDS = "%(levelname)s %(name)s %(threadName)s %(message)s"


def configure(service, team=None, path=None, level=logging.INFO):
    """Sets up the root logger; what the environment tells is added to every record."""
    known = {
        "service": service,
        "team": team or os.environ.get("TEAM"),
        "namespace": os.environ.get("POD_NAMESPACE"),
        "pod": os.environ.get("POD_NAME"),
        "host": os.environ.get("NODE_NAME") or os.uname().nodename,
    }
    # timestamp=True writes ISO 8601 with the zone; asctime has none.
    formatter = JsonFormatter(
        _FIELDS, timestamp=True, static_fields={key: value for key, value in known.items() if value}
    )
    handler = logging.FileHandler(path, encoding="utf-8") if path else logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _uncaught(kind, value, trace):
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, value, trace)
        return
    logging.getLogger("uncaught").critical("uncaught exception", exc_info=(kind, value, trace))


def _uncaught_in_thread(event):
    if event.exc_type is SystemExit:
        return
    logging.getLogger("uncaught").critical(
        "uncaught exception in thread %s",
        event.thread.name if event.thread else "unknown",
        exc_info=(event.exc_type, event.exc_value, event.exc_traceback),
    )
