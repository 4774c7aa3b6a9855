"""`python -m export`."""

import sys

from programs.quiet import quiet_tensorflow

quiet_tensorflow()

from export.cli import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
