"""Fixtures for all tests, and the signals that they rely on."""

import signal

from postgres_server import postgres_server, postgresql_url

__all__ = ["postgres_server", "postgresql_url"]

# What `nohup`, a shell in the background or a batch system starts ignores signals, or blocks them, and so would all
# that the tests start and send signals to.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _signum in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT, signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(_signum, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, ())
