"""Errors that stop an audit. The command line prints them as one line and a hint, without a traceback.

AuditError
├── UserError          the user's mistake                                         exit 2
│   ├── PackError      a stage pack that does not validate
│   └── ModelUnknown   an alias or a GGUF file that cannot be used
└── MachineError       the machine cannot do it: memory, missing model, crash      exit 3
    ├── ModelMissing   a catalogued model that is not on this machine
    ├── MemoryRefused  nothing that fits the memory budget
    └── WorkerFailed   the model's process died or refused; `kind` says how
"""


class Paused(Exception):
    """A person stops an audit here; it waits where it is, and is no failure."""


class AuditError(Exception):
    """An audit that cannot go on; `hint` says what the user can do."""

    exit_code = 3

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UserError(AuditError):
    """The user's mistake."""

    exit_code = 2


class PackError(UserError):
    """A stage pack that does not validate; the message names file, stage and field."""


class ModelUnknown(UserError):
    """An alias that the catalogue lacks, or a file that is no usable GGUF."""


class MachineError(AuditError):
    """The machine cannot do what was asked."""


class ModelMissing(MachineError):
    """A catalogued model that is not on this machine."""


class MemoryRefused(MachineError):
    """Nothing that fits the memory budget."""


class WorkerFailed(MachineError):
    """The model's process died or refused a request.

    `kind`: "architecture" | "corrupt" | "memory" | "crash" | "deadline" | "request".
    """

    def __init__(self, message: str, hint: str = "", kind: str = "crash") -> None:
        super().__init__(message, hint)
        self.kind = kind
