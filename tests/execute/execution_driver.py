"""A driver to be killed: arguments FOLDER processes|command OBJECTIVE WORKERS; prints the pids of its trials."""

from __future__ import annotations

import sys

import execution_objectives as objectives
from execution import make_task

from trimtab.execute.command import Command
from trimtab.execute.processes import open_processes
from trimtab.execute.programs import open_command
from trimtab.execute.protocol import Noted, Started


def main(folder, kind, what, workers):
    if kind == "processes":
        executor = open_processes(getattr(objectives, what), workers=int(workers))
    else:
        executor = open_command(Command(["sh", "-c", what]), workers=int(workers))
    for number in range(int(workers)):
        executor.submit(make_task(folder, number))
    try:
        while True:
            for message in executor.poll(0.5):
                if isinstance(message, Started):
                    print(message.pid, flush=True)
                elif isinstance(message, Noted):
                    print(message.value, flush=True)
    finally:
        executor.close()
        print("closed", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
