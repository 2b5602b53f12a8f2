"""What the browser tests share: a server process, a watched page, and how a file is handed to it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
PATIENCE = 90_000  # milliseconds: a busy machine is slow, and a test that passes never waits for it


@dataclass
class Served:
    """A server process, what it serves, and pictures that the library has not seen."""

    url: str
    library: Path
    pictures: Path
    queries: Path


@contextmanager
def serving(
    library: Path, *options: str, models: Path | None = None, variables: Mapping[str, str] | None = None
) -> Iterator[str]:
    """A ``morelike serve`` process on a free port, ended by its id; its address.

    ``models``: the models cache; ``variables``: what else stands in its environment.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MORELIKE_")}
    environment |= {"MORELIKE_HUB": "http://127.0.0.1:9", **(variables or {})}
    if models is not None:
        environment["MORELIKE_MODELS_CACHE"] = str(models)
    command = [sys.executable, "-m", "morelike", "--library", str(library), "--quiet", "serve", "--port", "0", "--json"]
    log = library.with_name(f"{library.name}.log")
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as process,
    ):
        try:
            assert process.stdout is not None
            said = "".join(iter(process.stdout.readline, "}\n"))
            assert said, log.read_text()
            yield str(json.loads(said + "}")["url"]).rstrip("/")
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


@dataclass
class Watched:
    """A page, and everything that its browser complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()
    """Parts of complaints that the test provokes."""

    def unexpected(self) -> list[str]:
        return [one for one in self.complaints if not any(part in one for part in self.expected)]


def watch(context: BrowserContext) -> Watched:
    """A new page of the context whose complaints are collected."""
    page = context.new_page()
    watched = Watched(page)
    page.set_default_timeout(PATIENCE)
    page.on(
        "console",
        lambda message: watched.complaints.append(message.text) if message.type in {"error", "warning"} else None,
    )
    page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation', (event) =>"
        " console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`))"
    )
    return watched


def names(page: Page) -> list[str]:
    """What the visible pictures of the grid are called, in order: ``coffee/cropped.jpg`` …"""
    page.wait_for_load_state()  # a list that is still being read is shorter
    return page.locator(".hit:not([hidden]) .name").all_inner_texts()


def ready(page: Page) -> None:
    """The page's scripts listen: what is dropped or typed before is lost."""
    page.wait_for_selector("html[data-scripts]", state="attached")


def hand_over(page: Page, kind: str, picture: Path, *, on: str = "body", media: str = "image/jpeg") -> None:
    """Drop or paste a file, as the operating system hands it to a page."""
    ready(page)
    page.evaluate(
        """([kind, name, type, data, on]) => {
            const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
            const handed = new DataTransfer();
            handed.items.add(new File([bytes], name, { type }));
            const target = document.querySelector(on);
            const init = { bubbles: true, cancelable: true };
            if (kind === "paste") target.dispatchEvent(new ClipboardEvent("paste", { ...init, clipboardData: handed }));
            else for (const type of ["dragover", "drop"]) {
              target.dispatchEvent(new DragEvent(type, { ...init, dataTransfer: handed }));
            }
        }""",
        [kind, picture.name, media, base64.b64encode(picture.read_bytes()).decode(), on],
    )


def axe_faults(page: Page, called: str) -> dict[tuple[str, str], list[tuple[str, list[str]]]]:
    """What axe-core finds on the page as it stands, by (what it is called, theme); the light and the dark one."""
    found = {}
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        result = page.evaluate("axe.run({ resultTypes: ['violations'] })")
        assert result["passes"], called
        if result["violations"]:
            faults = [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in result["violations"]]
            found[called, theme] = faults
    return found
