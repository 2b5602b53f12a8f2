"""How MySQL, MariaDB and PostgreSQL note what each revision touched; ``changes`` says what is noted, and why.

The numbers are those of ``changes``: 200 revisions, 64 segments of an item, -1 for "a revision", -2 for "too much".
"""

from __future__ import annotations

__all__ = ["MYSQL", "POSTGRESQL"]

_OF_ITEMS = (
    ("item", "AFTER UPDATE ON items", "NEW.number"),
    # What a foreign key takes along sets off no trigger there: noted while the segments are still to be seen.
    ("item_gone", "BEFORE DELETE ON items", "OLD.number"),
    ("source_new", "AFTER INSERT ON sources", "NEW.item"),
    ("source_gone", "AFTER DELETE ON sources", "OLD.item"),
    ("source", "AFTER UPDATE ON sources", "NEW.item, OLD.item"),
    ("tag_new", "AFTER INSERT ON item_tags", "NEW.item"),
    ("tag_gone", "AFTER DELETE ON item_tags", "OLD.item"),
)

MYSQL = {
    "changes_revision": """AFTER UPDATE ON collections FOR EACH ROW
        IF NEW.revision <> OLD.revision THEN
            INSERT IGNORE INTO changes (collection_id, revision, segment_id) VALUES (NEW.id, NEW.revision, -1);
            DELETE FROM changes WHERE collection_id = NEW.id AND revision <= NEW.revision - 200;
        END IF""",
    "changes_segment_new": """AFTER INSERT ON segments FOR EACH ROW
        INSERT IGNORE INTO changes (collection_id, revision, segment_id)
        SELECT id, revision, CASE WHEN NEW.ordinal < 64 THEN NEW.segment_id ELSE -2 END
        FROM collections WHERE id = NEW.collection_id""",
    "changes_segment_gone": """AFTER DELETE ON segments FOR EACH ROW
        INSERT IGNORE INTO changes (collection_id, revision, segment_id)
        SELECT id, revision, CASE WHEN OLD.ordinal < 64 THEN OLD.segment_id ELSE -2 END
        FROM collections WHERE id = OLD.collection_id""",
    "changes_segment": """AFTER UPDATE ON segments FOR EACH ROW
        INSERT IGNORE INTO changes (collection_id, revision, segment_id)
        SELECT id, revision, NEW.segment_id FROM collections WHERE id = NEW.collection_id
        UNION SELECT id, revision, OLD.segment_id FROM collections WHERE id = OLD.collection_id""",
    **{
        f"changes_{name}": f"""{when} FOR EACH ROW
        INSERT IGNORE INTO changes (collection_id, revision, segment_id)
        SELECT c.id, c.revision, CASE WHEN s.ordinal < 64 THEN s.segment_id ELSE -2 END
        FROM segments AS s JOIN collections AS c ON c.id = s.collection_id
        WHERE s.item IN ({which}) AND s.ordinal <= 64"""  # noqa: S608 # the words stand right above
        for name, when, which in _OF_ITEMS
    },
}
"""A trigger's name to when it runs and what it does."""

_CAPPED = "CASE WHEN s.ordinal < 64 THEN s.segment_id ELSE -2 END"


def _note(selected: str) -> str:
    return f"INSERT INTO changes (collection_id, revision, segment_id) {selected} ON CONFLICT DO NOTHING;"


def _note_segments(those: str) -> str:
    joined = f"FROM {those} AS s JOIN collections AS c ON c.id = s.collection_id"
    return _note(f"SELECT DISTINCT c.id, c.revision, {_CAPPED} {joined}")


def _note_items(numbers: str) -> str:
    joined = "FROM segments AS s JOIN collections AS c ON c.id = s.collection_id"
    return _note(
        f"SELECT DISTINCT c.id, c.revision, {_CAPPED} {joined} WHERE s.ordinal <= 64 AND s.item IN ({numbers})"
    )


_NEW = "REFERENCING NEW TABLE AS now_there"
_OLD = "REFERENCING OLD TABLE AS was_there"
_BOTH = "REFERENCING OLD TABLE AS was_there NEW TABLE AS now_there"
_GREW = "FROM now_there AS n JOIN was_there AS o ON o.id = n.id WHERE n.revision <> o.revision"
_OLD_ONES = "USING now_there AS n WHERE changes.collection_id = n.id AND changes.revision <= n.revision - 200"
_REVISION = _note(f"SELECT n.id, n.revision, -1 {_GREW}") + f" DELETE FROM changes {_OLD_ONES};"  # noqa: S608 # see above

POSTGRESQL = {
    f"changes_{name}": (table, f"AFTER {event} ON {table} {shown}", body)
    for name, table, event, shown, body in (
        ("revision", "collections", "UPDATE", _BOTH, _REVISION),
        ("segment_new", "segments", "INSERT", _NEW, _note_segments("now_there")),
        ("segment_gone", "segments", "DELETE", _OLD, _note_segments("was_there")),
        ("segment", "segments", "UPDATE", _BOTH, _note_segments("now_there") + " " + _note_segments("was_there")),
        ("item", "items", "UPDATE", _NEW, _note_items("SELECT number FROM now_there")),
        ("source_new", "sources", "INSERT", _NEW, _note_items("SELECT item FROM now_there")),
        ("source_gone", "sources", "DELETE", _OLD, _note_items("SELECT item FROM was_there")),
        (
            "source",
            "sources",
            "UPDATE",
            _BOTH,
            _note_items("SELECT item FROM now_there UNION SELECT item FROM was_there"),
        ),
        ("tag_new", "item_tags", "INSERT", _NEW, _note_items("SELECT item FROM now_there")),
        ("tag_gone", "item_tags", "DELETE", _OLD, _note_items("SELECT item FROM was_there")),
    )
}
"""A trigger's name to its table, when it runs, and what its function does: once a statement, not once a row."""
