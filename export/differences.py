"""How far an artifact's answers may be from Keras'."""

import numpy as np

from export.runners import VerificationError

TOLERANCE = 1e-5
# Of sums of hundreds of terms of either sign, and of what follows from one, steep among near ties.
TOLERANCES = {"score": 1e-3, "percentile": 1e-2}
SUM_TOLERANCE = 1e-3


def compare(outputs, expected, where):
    """The largest difference of the floats held to `TOLERANCE`; integers and names must be equal.

    Raises:
        VerificationError: if one is larger than `TOLERANCE`, or as `TOLERANCES` say, relative where
            values exceed 1.
    """
    if set(outputs) != set(expected):
        raise VerificationError(f"{where}: outputs {sorted(outputs)}, not {sorted(expected)}")
    largest = 0.0
    for name, wanted in expected.items():
        found = outputs[name]
        if found.shape != wanted.shape:
            raise VerificationError(f"{where}, {name}: shape {found.shape}, not {wanted.shape}")
        if wanted.dtype.kind != "f":
            if not (found == wanted).all():
                raise VerificationError(f"{where}, {name}: {found}, not {wanted}")
            continue
        blank = np.isnan(wanted)
        if not np.isnan(found[blank]).all():
            raise VerificationError(f"{where}, {name}: must be NaN in invalid rows, got {found}")
        found, wanted = np.float64(found[~blank]), wanted[~blank]
        difference = np.abs(found - wanted)
        tolerance = TOLERANCES.get(name, TOLERANCE)
        allowed = tolerance * np.maximum(1, np.abs(wanted))
        if not (difference <= allowed).all():  # NaN fails
            raise VerificationError(
                f"{where}, {name}: must differ from Keras by at most {tolerance}, "
                f"got {difference.max()}"
            )
        if name not in TOLERANCES:
            largest = max(largest, float(difference.max(initial=0)))
    return largest


def check_sums(outputs, where):
    """Refuse probabilities of valid rows that do not sum to 1."""
    if "probabilities" in outputs:
        sums = outputs["probabilities"][outputs["valid"]].sum(axis=1)
        if not (np.abs(sums - 1) <= SUM_TOLERANCE).all():
            raise VerificationError(f"{where}: probabilities must sum to 1, got {sums}")


def check_finite(outputs, where):
    """Refuse floats that are NaN or infinite."""
    for name, values in outputs.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise VerificationError(f"{where}, {name}: must be finite for finite inputs")
