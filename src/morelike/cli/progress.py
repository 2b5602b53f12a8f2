"""Where a long command is: a bar on a terminal, a line every ten seconds elsewhere. Always on standard error."""

from __future__ import annotations

import sys
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any

from morelike.cli.output import console
from morelike.cli.text import clean, human_size, shorten_middle

if TYPE_CHECKING:
    from morelike.progress import Progress
    from morelike.training.composed.loop import Moment

__all__ = ["Reporter", "describe"]

SECONDS_BETWEEN_LINES = 10.0
CURRENT_WIDTH = 24


class Reporter:
    """Shows progress while its ``with`` block runs."""

    def __init__(self, *, quiet: bool, every: float = SECONDS_BETWEEN_LINES) -> None:
        self._quiet = quiet
        self._every = every
        self._next = monotonic() + every
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Reporter:
        if not self._quiet and sys.stderr.isatty():
            from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

            self._bar = Progress(
                SpinnerColumn(),
                BarColumn(bar_width=12),
                TextColumn("{task.description}", markup=False),
                console=console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("starting", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def ingest(self, progress: Progress) -> None:
        """What ``OpenCollection.add`` calls."""
        self._run(progress, "added")

    def export(self, progress: Progress) -> None:
        """What ``Library.export`` calls."""
        self._run(progress, "exported")

    def reembed(self, progress: Progress) -> None:
        """What ``OpenCollection.reembed`` calls."""
        self._run(progress, "encoded")

    def tag(self, progress: Progress) -> None:
        """What ``OpenCollection.tag_auto`` calls."""
        self._run(progress, "looked at")

    def mapped(self, progress: Progress) -> None:
        """What ``OpenCollection.map`` calls."""
        self._run(progress, "mapped")

    def tried(self, progress: Progress) -> None:
        """What ``OpenCollection.dry_run`` calls."""
        self._looked(progress, "tried")

    def measured(self, progress: Progress) -> None:
        """What ``OpenCollection.evaluate`` calls."""
        self._looked(progress, "asked")

    def examined(self, progress: Progress) -> None:
        """What ``Library.doctor`` calls."""
        step = f"{progress.done} of {progress.total} steps" if progress.total else "looking"
        current = shorten_middle(clean(progress.current), CURRENT_WIDTH)
        self._show(clean(progress.note) or step, current, progress.done, progress.total)

    def _looked(self, progress: Progress, verb: str) -> None:
        """What is counted before it begins, and then how far it is."""
        if progress.total is not None or progress.note:
            self._run(progress, verb)
        else:
            self._show(f"{progress.seen} found", shorten_middle(clean(progress.current), CURRENT_WIDTH), 0, None)

    def _run(self, progress: Progress, verb: str) -> None:
        through = progress.done + progress.same + progress.rejected
        current = shorten_middle(clean(progress.current), CURRENT_WIDTH)
        self._show(describe(progress, verb), current, through, progress.total)

    def download(self, name: str, done: int, total: int) -> None:
        """What ``weights.pull`` calls: a file's name, bytes so far, bytes in all (0 where unknown)."""
        of = f" of {human_size(total)}" if total else ""
        self._show(f"{clean(name)}: {human_size(done)}{of}", "", done, total or None)

    def drawn(self, done: int, total: int) -> None:
        """What ``write_css`` calls."""
        self._show(f"{done} of {total} pictures", "", done, total)

    def train(self, moment: Moment) -> None:
        """What ``training.composed.loop.train`` calls."""
        self._show(_trained(moment), "", moment.iteration, moment.of)

    def note(self, sentence: str) -> None:
        """A remark in between, above the bar where there is one."""
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.console.print(clean(sentence))
        else:
            sys.stderr.write(clean(sentence) + "\n")
            sys.stderr.flush()

    def _show(self, sentence: str, current: str, done: int, total: int | None) -> None:
        if self._bar is not None:
            text = f"{sentence}  {current}".rstrip()
            self._bar.update(self._task, description=text, completed=done, total=total)
        elif not self._quiet and monotonic() >= self._next:
            self._next = monotonic() + self._every
            self.note(sentence)


def describe(progress: Progress, verb: str = "added") -> str:
    """``120 added, 3 there already, 1 rejected, 34.2/s, 0:12 left``, or why nothing moves."""
    if progress.note:
        return clean(progress.note)
    parts = [f"{progress.done} {verb}"]
    if progress.same:
        parts.append(f"{progress.same} there already")
    if progress.rejected:
        parts.append(f"{progress.rejected} rejected")
    parts.append(f"{progress.rate:.1f}/s")
    if progress.eta is not None:
        minutes, seconds = divmod(round(progress.eta), 60)
        parts.append(f"{minutes}:{seconds:02} left")
    return ", ".join(parts)


def _trained(moment: Moment) -> str:
    """``iteration 1200 of 20000, loss 0.412, 830 pictures/s, 12:30 left``, or what is done besides."""
    if moment.note:
        return clean(moment.note)
    parts = [f"iteration {moment.iteration} of {moment.of}"]
    if moment.loss is not None:
        parts.append(f"loss {moment.loss:.4g}")
    if moment.left is not None:
        minutes, seconds = divmod(round(moment.left), 60)
        parts += [f"{moment.rate:.0f} pictures/s", f"{minutes}:{seconds:02} left"]
    return ", ".join(parts)
