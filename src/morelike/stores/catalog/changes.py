"""Which segments each revision touched, so that a filter's answer that is kept in memory is mended, not made anew.

The database notes it by triggers: whoever writes, and in whatever way, nothing is missed. A revision always leaves one
row, so a reader sees what was forgotten since, or never noted (as where triggers may not be made), and asks for
everything.
Of an item with very many segments only that is noted, so that the table stays small.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, inspect, select
from sqlalchemy.exc import DBAPIError

from morelike.stores.catalog import triggers
from morelike.stores.catalog.schema import changes

__all__ = ["REVISIONS_KEPT", "install", "noted", "remove", "touched"]

REVISIONS_KEPT = 200
"""As the first trigger says."""
SEGMENTS_NOTED = 64
"""How many of one item, as the others say; one more, and the revision asks for everything."""
_MOST = 20_000
"""Where more was touched, everything is asked anew."""
_NOTHING = -1
"""The segment id of the row that each revision leaves."""
_TOO_MUCH = -2
"""That of a revision which touched an item with more segments than are noted."""

_TRIGGERS = {
    "changes_revision": """AFTER UPDATE OF revision ON collections BEGIN
        INSERT OR IGNORE INTO changes (collection_id, revision, segment_id) VALUES (NEW.id, NEW.revision, -1);
        DELETE FROM changes WHERE collection_id = NEW.id AND revision <= NEW.revision - 200;
        END""",
    "changes_segment_new": """AFTER INSERT ON segments BEGIN
        INSERT OR IGNORE INTO changes (collection_id, revision, segment_id)
        SELECT id, revision, CASE WHEN NEW.ordinal < 64 THEN NEW.segment_id ELSE -2 END
        FROM collections WHERE id = NEW.collection_id;
        END""",
    "changes_segment_gone": """AFTER DELETE ON segments BEGIN
        INSERT OR IGNORE INTO changes (collection_id, revision, segment_id)
        SELECT id, revision, CASE WHEN OLD.ordinal < 64 THEN OLD.segment_id ELSE -2 END
        FROM collections WHERE id = OLD.collection_id;
        END""",
    "changes_segment": """AFTER UPDATE ON segments BEGIN
        INSERT OR IGNORE INTO changes (collection_id, revision, segment_id)
        SELECT id, revision, NEW.segment_id FROM collections WHERE id = NEW.collection_id
        UNION SELECT id, revision, OLD.segment_id FROM collections WHERE id = OLD.collection_id;
        END""",
    **{
        f"changes_{name}": f"""AFTER {when} BEGIN
        INSERT OR IGNORE INTO changes (collection_id, revision, segment_id)
        SELECT c.id, c.revision, CASE WHEN s.ordinal < 64 THEN s.segment_id ELSE -2 END
        FROM segments AS s JOIN collections AS c ON c.id = s.collection_id
        WHERE s.item IN ({which}) AND s.ordinal <= 64;
        END"""  # noqa: S608 # the words stand right below
        for name, when, which in (
            ("item", "UPDATE ON items", "NEW.number"),
            ("source_new", "INSERT ON sources", "NEW.item"),
            ("source_gone", "DELETE ON sources", "OLD.item"),
            ("source", "UPDATE ON sources", "NEW.item, OLD.item"),
            ("tag_new", "INSERT ON item_tags", "NEW.item"),
            ("tag_gone", "DELETE ON item_tags", "OLD.item"),
        )
    },
}

_ASK_FOR_TRIGGERS = {
    "mysql": "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
    "postgresql": "SELECT t.tgname::text FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid "
    "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
    "WHERE n.nspname = current_schema() AND NOT t.tgisinternal AND t.tgenabled <> 'D'",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
}
_MAY_NOT = {1142, 1227, 1419}
"""MySQL and MariaDB: no right to make a trigger, or none as long as the server writes a log for its replicas."""

_SINCE = (
    select(changes.c.revision, changes.c.segment_id)
    .where(changes.c.collection_id == bindparam("collection"), changes.c.revision > bindparam("since"))
    .order_by(changes.c.revision, changes.c.segment_id)
    .limit(_MOST + REVISIONS_KEPT)
)


def install(connection: Connection) -> None:
    """After the tables were made or changed. A server's user who may make no triggers does without."""
    if not inspect(connection).has_table(changes.name):
        return
    if connection.dialect.name == "sqlite":
        for name, body in _TRIGGERS.items():
            connection.exec_driver_sql(f"CREATE TRIGGER IF NOT EXISTS {name} {body}")
    elif connection.dialect.name == "postgresql":
        for name, (_, when, body) in triggers.POSTGRESQL.items():
            connection.exec_driver_sql(
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN {body} RETURN NULL; END $$"
            )
            connection.exec_driver_sql(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION {name}()")
    else:
        try:
            for name, body in triggers.MYSQL.items():  # MySQL knows no CREATE … IF NOT EXISTS before 8.0.29
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
                connection.exec_driver_sql(f"CREATE TRIGGER {name} {body}")
        except DBAPIError as error:
            code = error.orig.args[0] if error.orig is not None and error.orig.args else None
            if code not in _MAY_NOT:
                raise


def remove(connection: Connection) -> None:
    """Before tables are changed: a trigger that names a table stands in the way of its copying."""
    if connection.dialect.name == "postgresql":
        for name, (table, _, _) in triggers.POSTGRESQL.items():
            if inspect(connection).has_table(table):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name} ON {table}")
            connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {name}()")
        return
    for name in sorted(_there(connection)):
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")


def noted(connection: Connection) -> bool:
    """Whether this database notes all that is touched."""
    return _wanted(connection) <= _there(connection)


def _wanted(connection: Connection) -> set[str]:
    known = {"mysql": set(triggers.MYSQL), "postgresql": set(triggers.POSTGRESQL), "sqlite": set(_TRIGGERS)}
    return known[connection.dialect.name]


def _there(connection: Connection) -> set[str]:
    """Those of ours that there are, and are at work."""
    rows = connection.exec_driver_sql(_ASK_FOR_TRIGGERS[connection.dialect.name])
    return set(rows.scalars()) & _wanted(connection)


def touched(connection: Connection, collection_id: int, since: int, until: int) -> list[int] | None:
    """The segments that came, went, or whose items changed after a revision; None where that is not known any more."""
    if not 0 < until - since <= REVISIONS_KEPT:
        return None
    rows = connection.execute(_SINCE, {"collection": collection_id, "since": since}).all()
    if len({revision for revision, _ in rows}) != until - since or len(rows) >= _MOST + REVISIONS_KEPT:
        return None
    found = {segment_id for _, segment_id in rows} - {_NOTHING}
    return None if _TOO_MUCH in found or len(found) > _MOST else sorted(found)
