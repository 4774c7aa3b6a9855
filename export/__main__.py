"""`python -m export`."""

import io
import sys

from programs.quiet import quiet_tensorflow

quiet_tensorflow()

from export.cli import main  # noqa: E402

# A locale that lacks a character of the report must not fail the export.
if isinstance(sys.stdout, io.TextIOWrapper):
    sys.stdout.reconfigure(errors="replace")
sys.exit(main(sys.argv[1:]))
