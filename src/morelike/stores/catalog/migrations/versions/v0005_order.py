"""An index of sources by their order of arrival in a collection: nothing of the rows is touched."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NAME = "ix_sources_collection_id_number"


def upgrade() -> None:
    # a server that cannot undo it may have been interrupted between the index and its new version
    if _NAME not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("sources")}:
        op.create_index(op.f(_NAME), "sources", ["collection_id", "number"], unique=False)


def downgrade() -> None:
    """A catalog goes back by its backup."""
    raise NotImplementedError
