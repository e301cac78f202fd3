"""A package for asv; scripts here, which are run by their path, find each other beside them."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
