"""What filters ask for, kept beside vectors: whether it is of the catalog's past, as it must be, or of a future."""

from __future__ import annotations

import numpy as np

from morelike.doctor.report import DoctorReport
from morelike.protocols import KeepsFields
from morelike.types import Collection
from morelike.wiring import Stores

__all__ = ["hold_fields"]


def hold_fields(stores: Stores, collection: Collection, report: DoctorReport, *, drifted: bool, fix: bool) -> None:
    """Fields of a later revision than the catalog's are of a history that a restored backup undid.

    Where the catalog has been written since then its revision may have caught up, and nothing tells whose fields they
    are; so with ``fix`` they are given up wherever vectors and catalog were apart. They are written anew in time, and
    filters go by ids until then.
    """
    vectors = stores.vectors
    if not isinstance(vectors, KeepsFields):
        return
    revision = stores.catalog.revision(collection)
    ahead = 0
    for space in stores.catalog.spaces(collection):
        if not space.has_vectors:
            continue
        kept = vectors.fields_revision(space)
        ahead += kept > revision
        if fix and (kept > revision or (drifted and kept >= 0)):
            vectors.put_fields(space, np.empty(0, dtype=np.int64), [], -1)
            # a pass on its way, which a later call would go on with: what it wrote may be of the undone history too
            (stores.folder / "fields.json").unlink(missing_ok=True)
    sentence = f"{collection.name}: what filters ask for is newer in the vector store than in the catalog"
    report.add("stale-fields", sentence, ahead, fixed=fix)
