"""``morelike ls``"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from morelike.cli.help import Command
from morelike.cli.output import AsJson, line, print_json, table
from morelike.cli.search import ID_LENGTH
from morelike.cli.session import may_exist, session_of
from morelike.cli.text import human_size, near
from morelike.errors import UsageError
from morelike.records import ItemSort
from morelike.shapes import collection_shape, item_shape, rejection_shape, source_name, tags_shape

if TYPE_CHECKING:
    from morelike.library import CollectionSummary
    from morelike.settings import Settings
    from morelike.types import Item, Rejection

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike ls
morelike ls photos --filter "path like '*/2024/*'" --limit 20
morelike ls photos --sort size --descending
morelike ls photos --tags
morelike ls photos --rejected
morelike ls s3://bucket/2024/
"""

SORTS = get_args(ItemSort)


@app.command(cls=Command, epilog=EXAMPLES)
def ls(
    context: typer.Context,
    *,
    collection: Annotated[
        str | None,
        typer.Argument(
            metavar="COLLECTION",
            help="The collection's name; all collections without. s3:// lists your buckets, s3://BUCKET/PREFIX/ what "
            "is in one.",
        ),
    ] = None,
    rejected: Annotated[bool, typer.Option("--rejected", help="What could not be added, and why.")] = False,
    tags: Annotated[bool, typer.Option("--tags", help="Its tags, and how many items have each.")] = False,
    prefix: Annotated[
        str, typer.Option(metavar="TEXT", help="Of the tags only those that begin with it, whatever the case.")
    ] = "",
    where: Annotated[str | None, typer.Option("--filter", metavar="EXPR", help="Only items that match.")] = None,
    sort: Annotated[
        str,
        typer.Option(
            metavar="WHAT", help="Items by added (the oldest first), name (of the first source), or size (in bytes)."
        ),
    ] = "added",
    descending: Annotated[bool, typer.Option("--descending", help="The other way round.")] = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many at most.")] = 100,
    offset: Annotated[int, typer.Option(metavar="N", min=0, help="Leave out the first ones: the next page.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List collections, or the items of one.

    With s3:// it lists what could be added: your buckets, or the objects and folders right below a prefix.
    """
    session = session_of(context)
    lists = {"--rejected": rejected, "--tags": tags, "--prefix": prefix}
    lists |= {"--filter": where, "--sort": sort != "added", "--descending": descending}
    given = [name for name, said in lists.items() if said]
    if collection is not None and collection[:5].lower() == "s3://":
        if given:
            raise UsageError(f"{given[0]} needs a collection", hint=f"morelike ls {collection}")
        settings = session.settings()
        if settings.server:
            raise UsageError("buckets are listed from this machine, not by a server", hint="leave --server out")
        more = _objects(settings, collection, limit, offset, as_json=as_json)
    elif collection is None:
        if given:
            raise UsageError(f"{given[0]} needs a collection", hint="morelike ls lists the collections")
        more = False
        if not may_exist(session.settings()):
            _collections([], as_json=as_json)
            return
        with session.open() as library:
            _collections(library.collections(), as_json=as_json)
    else:
        _check(given, sort)
        with session.open() as library:
            opened = library.collection(collection)
            if rejected:
                more = _rejections(opened.rejected(offset=offset, limit=limit + 1), limit, as_json=as_json)
            elif tags:
                more = _tags(opened.tags(prefix=prefix, offset=offset, limit=limit + 1), limit, as_json=as_json)
            else:
                wanted = cast("ItemSort", sort)
                page = opened.items(filter=where, offset=offset, limit=limit + 1, sort=wanted, descending=descending)
                more = _items(page, limit, as_json=as_json)
    if more and not as_json:
        session.note(f"there are more: --offset {offset + limit}")


def _check(given: list[str], sort: str) -> None:
    """Raises UsageError where two options ask for different lists, or one for nothing that there is."""
    if sort not in SORTS:
        raise UsageError(f"items cannot be sorted by {sort!r}", hint=f"--sort {', '.join(SORTS)}")
    if "--rejected" in given:
        others = [name for name in given if name != "--rejected"]
    elif "--tags" in given:
        others = [name for name in given if name not in {"--tags", "--prefix"}]
    elif "--prefix" in given:
        raise UsageError("--prefix is of tags", hint="--tags lists them; of items, --filter \"name like 'cat*'\"")
    else:
        return
    if others:
        list_of = "--rejected" if "--rejected" in given else "--tags"
        raise UsageError(f"{list_of} and {others[0]} ask for different lists", hint="leave one of them out")


def _collections(summaries: list[CollectionSummary], *, as_json: bool) -> None:
    shapes: list[dict[str, Any]] = [collection_shape(summary) for summary in summaries]
    if as_json:
        print_json({"collections": shapes})
    elif not shapes:
        line("no collections yet; morelike add NAME SOURCE makes one")
    else:
        rows = [
            (
                s["name"],
                s["modality"],
                s["items"],
                s["rejected"],
                ", ".join(card.split("@")[0] for card in s["encoders"]),
            )
            for s in shapes
        ]
        table(rows, ["name", "modality", "items", "rejected", "encoder"], right=("items", "rejected"), long="name")


def _objects(settings: Settings, address: str, limit: int, offset: int, *, as_json: bool) -> bool:
    """Whether there are more."""
    from morelike.sources.s3 import buckets, list_folder, split_address

    found = iter(list_folder(settings, address) if split_address(address)[0] else buckets(settings))
    listed = list(islice(found, offset, offset + limit + 1))
    more, listed = len(listed) > limit, listed[:limit]
    if as_json:
        shapes = [{"uri": one.uri, "size": one.size, "modified": one.modified or None} for one in listed]
        print_json({"objects": shapes, "more": more})
    elif not listed:
        line("nothing there")
    else:
        rows = [("" if one.size is None else human_size(one.size), one.modified, one.uri) for one in listed]
        table(rows, ["size", "modified", "uri"], right=("size",), long="uri")
    return more


def _items(page: list[Item], limit: int, *, as_json: bool) -> bool:
    """Whether there are more, as of all three lists."""
    items, more = page[:limit], len(page) > limit
    if as_json:
        print_json({"items": [item_shape(item) for item in items], "more": more})
        return more
    if not items:
        line("no items")
        return more
    tags = any(item.tags for item in items)
    heads = ["item", "type", "size"] + (["tags"] if tags else []) + ["source"]
    rows = [
        [item.id[:ID_LENGTH], item.media_type.partition("/")[2], human_size(item.digest.size)]
        + ([", ".join(item.tags)[:20]] if tags else [])
        + [near(source_name(item))]
        for item in items
    ]
    table(rows, heads, right=("size",), long="source")
    return more


def _tags(found: dict[str, int], limit: int, *, as_json: bool) -> bool:
    page, more = list(found.items())[:limit], len(found) > limit
    if as_json:
        print_json(tags_shape(page, more=more))
    elif not page:
        line("no tags")
    else:
        table(page, ["tag", "items"], right=("items",))
    return more


def _rejections(page: list[Rejection], limit: int, *, as_json: bool) -> bool:
    rejections, more = page[:limit], len(page) > limit
    if as_json:
        print_json({"rejected": [rejection_shape(rejection) for rejection in rejections], "more": more})
        return more
    if not rejections:
        line("nothing was rejected")
    for rejection in rejections:
        line(near(rejection.uri))
        times = f", tried {rejection.attempts} times" if rejection.attempts > 1 else ""
        line(f"  {rejection.stage}: {rejection.reason}{times}")
    return more
