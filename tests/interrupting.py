"""An interrupt at each of the steps at which Python would see one, in turn."""

import dis
import sys


class Halt(KeyboardInterrupt):
    """An interrupt that no one else has sent."""


def is_halted(call, moment, path):
    """Call a function and interrupt it at a step within a file; returns whether it was.

    Parameters
    ----------
    call : callable
    moment : int
        Number of the step, from 0. There are fewer where it was not interrupted.
    path : str
        Of the file.
    """
    steps = iter(range(moment))

    def step(frame, event, argument):
        # Python looks for signals where a function begins, a loop goes round, and after calls
        if frame.f_code.co_filename == path:
            frame.f_trace_opcodes = True
            code = frame.f_code.co_code
            last = frame.f_lasti - 2
            while last > 0 and dis.opname[code[last]] == "CACHE":
                last -= 2
            is_due = event == "call" or (
                event == "opcode" and last > 0 and dis.opname[code[last]].startswith("CALL")
            )
            if is_due and next(steps, None) is None:
                sys.settrace(None)
                raise Halt
        return step

    sys.settrace(step)
    try:
        call()
    except Halt:
        return True
    finally:
        sys.settrace(None)
    return False
