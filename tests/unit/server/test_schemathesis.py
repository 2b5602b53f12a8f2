"""Schemathesis on the real server: what its document promises it keeps, and nothing that is sent makes it fail."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from serving_library import Served, running

from morelike.library import Library
from morelike.settings import Settings

EXAMPLES = 4

CONFIG = """\
[phases.coverage]
unexpected-methods = ["PUT", "TRACE"]

[checks]
negative_data_rejection.expected-statuses = [
  "400", "401", "403", "404", "405", "408", "409", "413", "415", "422", "503"
]

# What a schema cannot say: the grammar of a filter, an item that is in this collection, bytes that are a picture,
# an encoder that is installed.
[[operations]]
include-method = "POST"
include-path-regex = "/(search|compare|items|collections|undo|purge|distinct|remove|evaluate|doctor)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "403", "404", "409", "422", "503"]
parameters."path.collection" = "photos"

# Half a part in time, one that ends before it begins; and pictures have no waveform.
[[operations]]
include-path-regex = "/(peaks|preview)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "422"]
parameters."path.collection" = "photos"
parameters."path.item" = "ITEM"

# Which kinds of vectors this collection has, and whether a map of it was made.
[[operations]]
include-path-regex = "/map(/places|/points)?$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404", "409"]
parameters."path.collection" = "photos"

[[operations]]
include-method = "GET"
include-path-regex = "/collections/{collection}/(items|count)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404"]
parameters."path.collection" = "photos"

# Otherwise the first test would drop the collection that the others need.
[[operations]]
include-method = "DELETE"
parameters."path.collection" = "spare"

[[operations]]
include-method = ["GET", "PATCH"]
include-path-regex = "/items/"
parameters."path.collection" = "photos"
parameters."path.item" = "ITEM"
"""


@pytest.fixture
def server_settings(settings: Settings, pictures: Path) -> Settings:
    """Offline: addresses that are made up must not be looked for."""
    return settings.model_copy(update={"allow_roots": (pictures,)})


def test_schemathesis_finds_nothing(library: Library, tmp_path: Path) -> None:
    """All of its checks, with a fixed seed, on a server that needs a key."""
    key = library.keys.make("tester", "admin")
    item = library.collection("photos").items()[0].id
    (tmp_path / "schemathesis.toml").write_text(CONFIG.replace("ITEM", item))
    with running(library) as served:
        ran = _schemathesis(served, key, tmp_path)

    assert library.collection("photos").count() >= 6
    assert ran.returncode == 0, ran.stdout[-10_000:] + ran.stderr[-2_000:]
    tested = re.search(r"Tested: (\d+)", ran.stdout)
    generated = re.search(r"(\d+) generated", ran.stdout)
    assert tested is not None
    assert int(tested[1]) >= 48
    assert generated is not None
    assert int(generated[1]) > 500


def _schemathesis(served: Served, key: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("run", f"{served.url}/openapi.json", "--no-color", "--header", f"Authorization: Bearer {key}"),
        *("--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES)),
        *(
            "--seed",
            "1",
            "--request-timeout",
            "120",
            "--generation-deterministic",
            "--continue-on-failure",
            "--suppress-health-check",
            "all",
        ),
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
