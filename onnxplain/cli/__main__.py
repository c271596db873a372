"""`python -m onnxplain.cli`."""

import sys

from . import main

sys.exit(main())
