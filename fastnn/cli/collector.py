"""The collector of garbage, which is off while a command's modules are imported.

They leave none: scikit-learn's million objects are looked through again and again, which takes 0.5
of 2.5 s. They are also set aside for good, so that no later collection looks at them.
"""

import gc

_is_paused = False


def pause() -> None:
    """Collect nothing from now on, in a process of the command's own."""
    global _is_paused
    if gc.isenabled():
        gc.disable()
        _is_paused = True


def go_on() -> None:
    """Collect again after a pause, but nothing of what is there now."""
    global _is_paused
    if _is_paused:
        gc.freeze()
        gc.enable()
        _is_paused = False
