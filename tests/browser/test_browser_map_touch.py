"""The map under fingers, in a real browser: carried, zoomed, tapped and circled; and the page beside it scrolls."""

from __future__ import annotations

from browser_map import called, spots
from browser_pages import Served
from playwright.sync_api import CDPSession, Page, expect


def middle(page: Page) -> tuple[float, float]:
    """Of the stage, on the screen."""
    box = page.locator("[data-stage]").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def touching(page: Page) -> CDPSession:
    """A screen that is touched, by two fingers at most."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
    return session


def touch(session: CDPSession, kind: str, *places: tuple[float, float], first: int = 0) -> None:
    """``touchStart``, ``touchMove`` or ``touchEnd`` of the fingers from that number on; without a place, of all."""
    points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places, first)]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def stands(page: Page, x: float, y: float) -> None:
    """Wait until the first point is there: a browser gathers what fingers do until it draws."""
    page.wait_for_function(
        """([x, y]) => {
            const { view, points, stage } = document.querySelector("point-map"), box = stage.getBoundingClientRect();
            const [left, top] = view.toScreen(points.at[0], points.at[1]);
            return Math.hypot(box.left + left - x, box.top + top - y) < 2;
        }""",
        arg=[x, y],
    )


def test_fingers_move_the_map(seen: Page) -> None:
    """One carries it along, two zoom about their middle, and one that stays when the other goes carries it on."""
    session, (x, y) = touching(seen), middle(seen)
    left, top = next(iter(spots(seen).values()))
    touch(session, "touchStart", (x, y))
    touch(session, "touchMove", (x + 20, y + 10))
    touch(session, "touchMove", (x + 60, y + 30))
    touch(session, "touchEnd")
    stands(seen, left + 60, top + 30)

    touch(session, "touchStart", (x - 40, y))
    touch(session, "touchStart", (x + 40, y), first=1)
    for step in range(1, 6):
        touch(session, "touchMove", (x - 40 - 8 * step, y + 4 * step), (x + 40 + 8 * step, y + 4 * step))
    pinched = x + 2 * (left + 60 - x), y + 20 + 2 * (top + 30 - y)
    stands(seen, *pinched)
    touch(session, "touchEnd", (x + 80, y + 20), first=1)
    touch(session, "touchMove", (x - 60, y + 20))
    touch(session, "touchMove", (x - 40, y + 20))
    touch(session, "touchEnd")
    stands(seen, pinched[0] + 40, pinched[1])


def test_a_finger_taps_and_circles(mapped: Served, seen: Page) -> None:
    """A tap near a point holds its card; a long press begins the line, and so does a finger after the button."""
    session, item = touching(seen), called(mapped, "coffee/")[0]
    x, y = spots(seen)[item]
    touch(session, "touchStart", (x + 4, y + 4))
    touch(session, "touchEnd")
    expect(seen.locator("[data-card]").get_by_role("link", name="More like this")).to_be_visible()
    seen.keyboard.press("Escape")

    standing = list(spots(seen).values())
    left, right = min(x for x, _ in standing) - 9, max(x for x, _ in standing) + 9
    top, bottom = min(y for _, y in standing) - 9, max(y for _, y in standing) + 9
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top + 20)]
    for begin in ("press", "button"):
        if begin == "button":
            seen.get_by_role("button", name="Select", exact=True).click()
        touch(session, "touchStart", corners[0])
        expect(seen.locator("[data-stage][data-circling]")).to_be_visible()
        for corner in corners[1:]:
            touch(session, "touchMove", corner)
        touch(session, "touchEnd")
        expect(seen.locator("[data-count]")).to_have_text("40 items")
        expect(seen.locator("[data-stage][data-circling]")).to_have_count(0)
        seen.get_by_role("button", name="Let go of them").click()


def test_the_page_scrolls_beside_the_map(seen: Page) -> None:
    """A finger on the map moves the map and not the page; one beside it scrolls the page."""
    seen.set_viewport_size({"width": 360, "height": 640})
    session = touching(seen)
    x, y = middle(seen)
    assert seen.locator("[data-stage]").evaluate("(stage) => stage.clientHeight") < 0.75 * 640
    before = seen.evaluate("document.querySelector('point-map').view.y")
    for places in ([(x, y), (x, y - 40), (x, y - 90)], [(x, 120), (x, 90), (x, 40)]):
        touch(session, "touchStart", places[0])
        for place in places[1:]:
            touch(session, "touchMove", place)
        touch(session, "touchEnd")
        if places[0][1] == y:
            seen.wait_for_function("(y) => document.querySelector('point-map').view.y !== y", arg=before)
            assert seen.evaluate("scrollY") == 0
    seen.wait_for_function("scrollY > 0")
