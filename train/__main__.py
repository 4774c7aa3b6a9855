"""`python -m train`."""

import sys

from programs.quiet import quiet_tensorflow

quiet_tensorflow()

from train.cli import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
