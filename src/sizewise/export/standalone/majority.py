"""The rung ``majority`` out of an exported folder."""

from __future__ import annotations

import numpy as np

from sizewise.export.standalone.contents import Contents
from sizewise.specialists.majority import MajoritySpecialist


def specialist(contents: Contents) -> MajoritySpecialist:
    """Always the commonest answer."""
    return MajoritySpecialist(tuple(contents.about["labels"]), np.asarray(contents.arrays["shares"]))
