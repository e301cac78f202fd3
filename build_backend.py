"""What builds the package: setuptools, and for a wheel all that fastnn runs on.

A wheel brings machine code along (setup.py), made by fastnn itself. An installation for
development does not, and is spared the downloads.
"""

from configparser import ConfigParser
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403  all other hooks


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """Name what has to be there when a wheel is built, beside pyproject.toml's."""
    setup = ConfigParser()
    setup.read("setup.cfg", "utf-8")
    needed = setup["options"]["install_requires"].split("\n")
    return [*build_meta.get_requires_for_build_wheel(config_settings), *filter(None, needed)]
