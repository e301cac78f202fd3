"""How long to wait: limits are in seconds of an idle core, and longer on a busy or slow machine."""

import os

NAME = "FASTNN_FAULTS_SLOWNESS"  # how many times longer things take here


def at_most(seconds):
    """Give the seconds after which what takes so long on an idle core has failed here."""
    return seconds * float(os.environ.get(NAME, "1"))
