"""One line a request on standard error, as JSON or as text. Keys, cookies and query strings are never in it."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, Any, Final, Literal

__all__ = ["LogFormat", "requests_log", "written"]

LogFormat = Literal["json", "text"]

requests_log: Final = logging.getLogger("morelike.server.requests")
"""Each record has ``fields``: what the line says besides time and message."""


@contextmanager
def written(form: LogFormat, stream: IO[str] | None = None, *, quiet: bool = False) -> Iterator[None]:
    """Send the server's lines to ``stream``, standard error where not given, and uvicorn's warnings with them.

    ``quiet`` leaves out the line a request. Afterwards the loggers are as they were.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    outer = [logging.getLogger(name) for name in ("morelike", "uvicorn")]
    before = [(logger, logger.handlers, logger.level, logger.propagate) for logger in (*outer, requests_log)]
    try:
        for logger in outer:
            logger.handlers, logger.propagate = [handler], False
        outer[1].setLevel(logging.WARNING)
        requests_log.setLevel(logging.WARNING if quiet else logging.INFO)
        yield
    finally:
        for logger, handlers, level, propagate in before:
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {"time": _time(record), "level": record.levelname.lower(), "logger": record.name}
        fields = getattr(record, "fields", None)
        line.update(fields if fields is not None else {"message": record.getMessage()})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True, default=str)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", None)
        said = record.getMessage() if fields is None else " ".join(f"{name}={_word(v)}" for name, v in fields.items())
        line = f"{_time(record)} {record.levelname.lower()} {said}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _word(value: Any) -> str:
    """As it is where it is one printable word, else quoted with escapes: a request must not write a line of its own."""
    text = str(value)
    plain = text.isascii() and text.isprintable() and " " not in text and '"' not in text
    return text if plain and text else json.dumps(text)
