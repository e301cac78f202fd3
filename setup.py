"""The build, with machine code that the wheel brings along; all else stands in setup.cfg."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FOLDER = "fastnn/machine_code"


class BuildWithMachineCode(build_py):
    """Copy the package, and compile beside it what fits and predictions by default need."""

    def run(self) -> None:
        """Build; where nothing can be compiled, users' machines do so, at their first fit."""
        super().run()
        if self.editable_mode:  # sources that are edited are compiled where they run
            return
        shutil.rmtree(Path(self.build_lib, FOLDER), ignore_errors=True)  # an earlier build's
        variables = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
        program = [sys.executable, "-m", "fastnn.engine.shipping", FOLDER]
        if subprocess.run(program, cwd=Path(self.build_lib), env=variables).returncode:
            self.warn("the wheel brings no machine code along, or not for all processors")


setup(cmdclass={"build_py": BuildWithMachineCode})
