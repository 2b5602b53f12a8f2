"""Examples for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["SAMPLES"]

_ID: Final = "5f2b1c9e0a7d4e3f8b6a1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5"
_COLLECTION: Final = {
    "name": "photos",
    "modality": "image",
    "items": 1204,
    "rejected": 3,
    "encoders": ["classic@0c3b1f2a9d84"],
    "options": {},
    "created_at": "2026-11-21T10:00:00Z",
}
_SOURCE: Final = {
    "uri": "/srv/pictures/beach.jpg",
    "name": "beach.jpg",
    "size": 183422,
    "modified_ns": 1790000000000000000,
    "metadata": {"year": 2024},
    "origin": "/srv/pictures",
    "added_at": "2026-11-21T10:00:03Z",
}
_ITEM: Final = {
    "item": _ID,
    "source": "/srv/pictures/beach.jpg",
    "state": "ready",
    "media_type": "image/jpeg",
    "size": 183422,
    "blake3": _ID,
    "md5": "9e107d9d372bb6826bd81d3542a419d6",
    "tags": ["holiday"],
    "info": {"width": 1600, "height": 1200, "format": "JPEG"},
    "sources": [_SOURCE],
    "in_place": False,
    "added_at": "2026-11-21T10:00:03Z",
    "updated_at": "2026-11-21T10:00:04Z",
}
_ANSWER: Final[dict[str, Any]] = {
    "hits": [
        {
            "item": _ID,
            "source": "/srv/pictures/beach.jpg",
            "score": 0.914,
            "percentile": 99.8,
            "unit": {"cosine": 0.914},
            "span": {"unit": "whole", "start": 0.0, "end": 0.0},
            "kind": "image",
            "segment": "7391846205518273645",
            "metadata": {"width": 1600, "height": 1200, "tags": ["holiday"]},
        }
    ],
    "more": True,
    "nothing_similar": False,
}
_PLACED: Final = {"collection": "photos", "modality": "image", "rrf": 0.0164, "also": [], **_ANSWER["hits"][0]}
_JOB: Final = {
    "id": "0f8fad5bd9cb469fa16570867728950e",
    "kind": "add",
    "collection": "photos",
    "arguments": {"sources": ["https://example.org/cat.jpg"]},
    "state": "running",
    "progress": {"done": 120, "total": 500, "rate": 41.5, "eta": 9.2, "note": "", "same": 3, "rejected": 1},
    "result": {},
    "error": "",
    "hint": "",
    "attempts": 1,
    "cancelling": False,
    "created_at": "2026-11-21T10:00:00Z",
    "started_at": "2026-11-21T10:00:01Z",
    "finished_at": "",
}

SAMPLES: Final[Mapping[str, Any]] = {
    "add": {"sources": ["https://example.org/cat.jpg"], "tags": ["cats"]},
    "answer": _ANSWER,
    "answers": {"answers": [{"collection": "photos", **_ANSWER}]},
    "asides": {
        "asides": [{"item": _ID, "keeper": _ID[::-1], "run": "3d0c5f1e", "score": 0.97, "at": "2026-11-21T10:00:05Z"}],
        "more": False,
    },
    "brought_back": {"brought_back": 4},
    "distinct": {"pairs": [[_ID, _ID[::-1]]], "more": False},
    "changed": {"changed": 3},
    "collection": _COLLECTION,
    "collections": {"collections": [_COLLECTION]},
    "compare": {
        "two_items": {"examples": [{"item": _ID[:12]}, {"item": _ID[::-1][:12]}]},
        "with_an_address": {"examples": [{"item": _ID[:12]}, {"url": "https://example.org/cat.jpg"}]},
    },
    "compared": {"unit": {"cosine": 0.914}},
    "count": {"items": 1204, "sources": 1260, "rejected": 3},
    "dropped_space": {"dropped": "2"},
    "downloaded": {"items": [{**_ITEM, "score": 0.914, "percentile": 99.8, "span": ""}], "missing": []},
    "dropped": {"dropped": "photos", "items": 1204},
    "encoders": {
        "encoders": [
            {
                "name": "classic",
                "id": "classic@0c3b1f2a9d84",
                "family": "classic",
                "kinds": ["image"],
                "form": "dense",
                "dim": 512,
                "metric": "cosine",
                "licence": "Apache-2.0",
                "source": "",
                "description": "Colours, edges and layout; needs no weights.",
                "here": True,
                "size": 0,
            }
        ]
    },
    "forgotten": {"forgotten": 2},
    "grouped": {
        "fused": [_PLACED],
        "groups": [{"modality": "image", "collections": ["photos"], "hits": [_PLACED], "more": True}],
        "silent": [
            {
                "collection": "sounds",
                "modality": "audio",
                "reason": "the collection sounds cannot be searched with words: its encoder (yamnet) has no text tower",
                "hint": "`morelike reembed sounds --encoder conse-yamnet` gives it one that takes words",
            }
        ],
        "more": True,
        "answers": [{"collection": "photos", "modality": "image", **_ANSWER}],
    },
    "history": {
        "history": [
            {"at": "2026-05-03T12:00:00Z", "items": 480, "parts": {"catalog": 1253376, "vectors": 2392064}},
            {"at": "2026-05-04T12:00:00Z", "items": 500, "parts": {"catalog": 1310720, "vectors": 2490368}},
        ]
    },
    "info": {
        "version": "1.0.0",
        "library": "3f9c2a71b0de",
        "modalities": ["audio", "document", "image", "mesh", "molecule", "sequence", "text", "video"],
        "limits": {
            "upload_bytes": 1073741824,
            "json_bytes": 1048576,
            "files": 100,
            "known": 1000,
            "items": 1000,
            "queries": 64,
        },
    },
    "item": _ITEM,
    "items": {"items": [_ITEM], "more": False},
    "job": _JOB,
    "jobs": {"jobs": [_JOB], "more": False, "counts": {"running": 1, "done": 7}},
    "map": {
        "made_at": "2026-11-21T10:00:00Z",
        "revision": 412,
        "stale": False,
        "kind": "image",
        "encoder": "classic@0c3b1f2a9d84",
        "items": 1204,
        "clusters": [{"id": 0, "name": "beach", "size": 310}, {"id": 1, "name": "", "size": 120}],
        "points": [[_ID, -0.41277, 0.8031, 0]],
        "more": True,
    },
    "map_items": {"items": [_ID]},
    "map_places": {"made_at": "2026-11-21T10:00:00Z", "revision": 412, "places": [0, 7, 1203]},
    "queries": {
        "by_item": {"examples": [{"item": _ID[:12]}], "k": 20, "filter": "width >= 1000 and tag = 'holiday'"},
        "by_address": {"examples": [{"url": "https://example.org/cat.jpg", "crop": [0.1, 0.0, 0.9, 1.0]}]},
        "a_part_in_time": {"examples": [{"item": _ID[:12], "at": {"start": 3, "end": 8.5}}]},
        "more_and_less": {
            "examples": [{"item": _ID[:12]}, {"text": "snow", "weight": 0.5}, {"text": "people", "weight": -0.5}]
        },
        "a_picture_changed_by_words": {"examples": [{"item": _ID[:12]}, {"text": "make the red cube small"}]},
        "a_part_of_molecules": {"examples": [{"text": "c1ccccc1[OH]"}], "mode": "substructure", "explain": True},
        "more_of_it_than_of_the_others": {
            "examples": [{"text": "CC(=O)Oc1ccccc1C(=O)O"}],
            "mode": "tversky",
            "options": {"alpha": 0.9, "beta": 0.1},
        },
        "several_queries": {"queries": [{"examples": [{"item": _ID[:12]}]}, {"examples": [{"text": "a red car"}]}]},
    },
    "known": {
        "items": {_ID: "ready"},
        "uris": {
            "upload:desk/home/me/beach.jpg": {
                "item": _ID,
                "state": "ready",
                "size": 183422,
                "modified_ns": 1790000000000000000,
                "metadata": {"year": 2024},
            }
        },
        "content": {_ID: {"item": _ID, "state": "ready"}},
    },
    "peaks": {"peaks": [0.02, 0.4, 0.93, 0.31], "start": 0.0, "end": 14.5},
    "purged": {"removed": 4},
    "rejected": {
        "rejected": [
            {
                "source": "/srv/pictures/broken.jpg",
                "item": "",
                "stage": "decode",
                "reason": "broken.jpg ends too early",
                "attempts": 1,
                "at": "2026-11-21T10:00:05Z",
            }
        ],
        "more": False,
    },
    "removed": {"removed": 1, "items": [_ID]},
    "segments": {
        "segments": [
            {"kind": "image", "span": {"unit": "seconds", "start": 0.0, "end": 4.2}},
            {"kind": "audio", "span": {"unit": "seconds", "start": 0.0, "end": 10.0}},
        ],
        "more": True,
    },
    "several": {
        "by_words": {"collections": ["photos", "films", "sounds"], "examples": [{"text": "a barking dog"}]},
        "by_item": {"collections": ["photos", "film*"], "examples": [{"item": _ID[:12]}]},
    },
    "sources": {
        "sources": [
            {
                "number": 17,
                "key": "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
                **_SOURCE,
                "item": _ID,
                "state": "ready",
                "blake3": _ID,
                "md5": "9e107d9d372bb6826bd81d3542a419d6",
                "item_size": 183422,
                "media_type": "image/jpeg",
                "updated_at": "2026-11-21T10:00:04Z",
            }
        ],
        "more": False,
    },
    "spaces": {
        "spaces": [
            {
                "id": "1",
                "kind": "image",
                "active": True,
                "card": {
                    "name": "classic",
                    "family": "classic",
                    "form": "dense",
                    "dim": 512,
                    "metric": "cosine",
                    "inputs": {"image": {"side": 128}},
                    "options": {},
                    "weights": [],
                    "parts": [],
                    "licence": "Apache-2.0",
                    "source": "",
                    "description": "Colours, edges and layout; needs no weights.",
                    "run_here": "",
                    "fingerprint": "0c3b1f2a9d84",
                },
                "vectors": 1204,
                "calibration": {
                    "items": 1204,
                    "background": [0.1, 0.3, 0.5],
                    "nearest": [0.4, 0.7, 0.9],
                    "made_at": "2026-11-21T10:00:04Z",
                },
            }
        ]
    },
    "storage": {
        "at": "2026-05-04T12:00:00Z",
        "total": 31250432,
        "parts": {"catalog": 1310720, "vectors": 2490368, "blobs": 27000000, "previews": 449344},
        "needed": 27000000,
        "collections": [
            {
                "name": "photos",
                "modality": "image",
                "items": 500,
                "states": {"ready": 500, "duplicate": 3},
                "segments": {"image": 503},
                "kept": {"items": 400, "bytes": 27000000},
                "in_place": {"items": 103, "bytes": 9100000},
                "spaces": [
                    {
                        "kind": "image",
                        "encoder": "mobilenet-v2@0a1b2c3d4e5f",
                        "form": "dense",
                        "active": True,
                        "rows": 503,
                        "bytes": 2575360,
                    }
                ],
            }
        ],
        "disks": [
            {
                "path": "/data/library",
                "total": 250000000000,
                "free": 90000000000,
                "share": 0.64,
                "parts": ["catalog", "vectors", "blobs", "previews"],
            }
        ],
        "forecast": {"per_day": 1500000.0, "days": 12, "days_left": None, "limit": ""},
        "warnings": [],
    },
    "tags": {"tags": [{"tag": "holiday", "count": 214}, {"tag": "beach", "count": 96}], "more": False},
    "upload": {
        "collection": "photos",
        "added": 1,
        "same": 0,
        "rejected": 1,
        "rejected_before": 0,
        "replaced": 0,
        "files": [
            {"name": "beach.jpg", "state": "added", "item": _ID, "stage": "", "reason": "", "before": False},
            {
                "name": "notes.txt",
                "state": "rejected",
                "item": "",
                "stage": "sniff",
                "reason": "notes.txt is no picture",
                "before": False,
            },
        ],
        "seconds": 0.21,
    },
}
