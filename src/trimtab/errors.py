"""Every error that Trimtab raises on purpose.

TrimtabError
├── SpaceError (ValueError)            a parameter, condition or constraint that cannot be meant
│   └── StarvedError                   sampling found no point that satisfies the constraints
├── ParamsError (ValueError)           a configuration that lies outside its space
├── ProblemError (ValueError)          metrics, fidelities, budgets, targets
├── ObjectiveError (ValueError)        what the objective returned or reported cannot be used
├── EventError (ValueError)            an event that the log cannot hold
├── StudyError (RuntimeError)
│   ├── StudyNotFoundError (LookupError)
│   ├── StudyExistsError
│   ├── NoAnswerError                  a question about a study that has no answer yet, and so no picture
│   ├── StudyMismatchError             the study on record is not the study that was asked for
│   ├── TrialError                     no such trial, told twice, told after it ended
│   │   ├── LateResultError            a result of an attempt that has been superseded (fencing)
│   │   ├── NoBestError                no trial is complete, or none meets the constraints
│   │   └── WaitsError                 the scheduler waits for a trial to end before another one is handed out
│   └── ReplayError                    a log that does not reproduce its own suggestions
├── StoreError (OSError)
│   ├── StoreUrlError (ValueError)
│   ├── StoreUnavailableError          cannot be opened or written: missing, read-only, full, no server
│   │   └── StoreLostError             it was waited for in vain, or failed while a study ran; the same call goes on
│   ├── StoreCorruptError              what is stored is damaged
│   │   └── StoreRewoundError          the log is not the one that was read: shorter, or with another past
│   ├── StoreVersionError              written by a newer Trimtab
│   └── ConflictError                  another writer appended first
├── ExecutorError (RuntimeError)       a worker, command or device that cannot be used
├── SpecError (ValueError)             a study file that cannot be read; names file, line and key
├── PluginError (LookupError)          no plugin of that name
├── UsageError (TypeError)             a call with arguments that it does not take
├── MissingError (AttributeError)      a name that there is not, often another tool's
├── MissingExtraError (ImportError)    an optional package; prints its install line
└── MissingLibraryError (ImportError)  the library that an integration is for; prints its install line

`TrialStopped` is not an error: `Trial.report` raises it in the objective when the scheduler has ended the trial.
`Terminated` is none either: it stands beside `KeyboardInterrupt` as a request to end.
"""

from __future__ import annotations


class TrimtabError(Exception):
    """Base of every error that Trimtab raises on purpose."""


class SpaceError(TrimtabError, ValueError):
    """A parameter, condition or constraint that cannot be meant."""


class StarvedError(SpaceError):
    """Sampling found no point that satisfies the constraints."""


class ParamsError(TrimtabError, ValueError):
    """A configuration that lies outside its space."""


class ProblemError(TrimtabError, ValueError):
    """Metrics, fidelities, budgets or targets that do not fit together."""


class ObjectiveError(TrimtabError, ValueError):
    """What the objective returned or reported cannot be used."""


class EventError(TrimtabError, ValueError):
    """An event that the log cannot hold."""


class StudyError(TrimtabError, RuntimeError):
    """A study that cannot do what was asked of it."""


class StudyNotFoundError(StudyError, LookupError):
    """The store holds no study of that name."""


class StudyExistsError(StudyError):
    """The store already holds a study of that name."""


class StudyMismatchError(StudyError):
    """The study on record is not the study that was asked for."""


class TrialError(StudyError):
    """No such trial, or the trial is not in a state that allows this."""


class NoAnswerError(StudyError):
    """A question about a study has no answer yet, and so no picture; the message says why."""


class NoBestError(TrialError):
    """There is no best trial: none is complete, or none meets the constraints."""


class WaitsError(TrialError):
    """Nothing can be handed out now, since the scheduler waits for a trial to end."""


class LateResultError(TrialError):
    """A result of an attempt that has been superseded."""


class ReplayError(StudyError):
    """A log that does not reproduce its own suggestions."""


class StoreError(TrimtabError, OSError):
    """A store that cannot be used."""


class StoreUrlError(StoreError, ValueError):
    """A store URL that cannot be read."""


class StoreUnavailableError(StoreError):
    """A store that cannot be opened or written."""


class StoreLostError(StoreUnavailableError):
    """A store that was waited for in vain, or failed while a study ran.

    What was acknowledged is on record, and the same call goes on once the store is back.
    """


class StoreCorruptError(StoreError):
    """A store whose content is damaged."""


class StoreRewoundError(StoreCorruptError):
    """The log is not the one that this process has read: it became shorter, or has another past.

    Attributes:
        missing: the trials with a result that this process knows and the log does not have.
    """

    missing: tuple[int, ...] = ()


class StoreVersionError(StoreError):
    """A store that was written by a newer Trimtab."""


class ConflictError(StoreError):
    """Another writer appended first; read on and try again."""


class ExecutorError(TrimtabError, RuntimeError):
    """A worker, command or device that cannot be used."""


class SpecError(TrimtabError, ValueError):
    """A study file that cannot be read; names file, line and key."""


class PluginError(TrimtabError, LookupError):
    """No plugin of that name."""


class UsageError(TrimtabError, TypeError):
    """A call with arguments that it does not take."""


class MissingError(TrimtabError, AttributeError):
    """A name that there is not.

    Args:
        message: what to write instead.
        name: the name.
    """

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


class MissingExtraError(TrimtabError, ImportError):
    """An optional package that is not installed.

    Args:
        package: the distribution that is missing.
        extra: the extra of Trimtab that brings it.
        purpose: what it is needed for, as the end of "... is needed ...".
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{package} is needed {purpose}: pip install 'trimtab[{extra}]'")
        self.package = package
        self.extra = extra


class MissingLibraryError(TrimtabError, ImportError):
    """The library that an integration is for is not installed.

    Args:
        package: the distribution that is missing.
    """

    def __init__(self, package: str) -> None:
        super().__init__(f"trimtab.integrations needs {package} for this: pip install {package}")
        self.package = package


class TrialStopped(Exception):  # noqa: N818 - a verdict, not an error
    """Raised by `Trial.report` when the scheduler or the budget has ended the trial."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Terminated(BaseException):
    """SIGTERM (or SIGHUP) came: end as after Ctrl-C, so that nothing is lost."""
