"""``image-engine``: many clients at once, and uploads while others ask."""

from __future__ import annotations

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from compat_each import DEADLINE, holding
from compat_http import Answer, Client
from compat_servers import CompatServers
from engine_server import TABLE, added, counts, found, listed, picture, refused, upload
from PIL import Image

pytestmark = pytest.mark.xdist_group("port 6200")


def test_twenty_uploads_at_once(client: Client, engine: CompatServers) -> None:
    """The web client sends a request a file, all of them at once: each is there afterwards, once."""

    def send(seed: int) -> int:
        return upload(client, picture(100 + seed), f"{seed}.jpg", path="/api/meta/image/file").status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(send, range(20)))

    assert statuses == [200] * 20
    assert counts(client) == (20, 20)
    assert {row["file_name"] for row in listed(client)} == {f"{seed}.jpg" for seed in range(20)}


def test_one_id_at_once_is_given_once(client: Client, engine: CompatServers) -> None:
    """Of several uploads under it, whatever their bytes, one is kept; the others are told."""

    def send(seed: int) -> Answer:
        return upload(client, picture(200 + seed), meta_uuid="same")

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(6)))

    (kept,) = [answer for answer in answers if answer.status_code == 200]
    for answer in answers:
        if answer is not kept:
            refused(answer, 500, data=True)
    assert counts(client) == (1, 1)
    assert client.get("/meta/image/same").json()["data"]["hash_code"] == added(kept)["hash_code"]


def test_an_upload_keeps_nobody_waiting(client: Client, engine: CompatServers) -> None:
    """While one is under way searches, lists and counts have the rows before it; its id is taken from then on."""
    encoder = holding("image-engine")
    engine.library.collection(TABLE, modality="image", encoder=encoder)
    for seed in (1, 2, 3):
        added(upload(client, picture(seed), meta_uuid=f"u{seed}"))
    stream = io.BytesIO()
    Image.new("RGB", (48, 36)).save(stream, "PNG")
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(upload, client, stream.getvalue(), "black.png", meta_uuid="black")
        try:
            assert encoder.gate.reached.wait(DEADLINE)
            assert found(client, picture(2))[0]["meta_uuid"] == "u2"
            assert [row["meta_uuid"] for row in listed(client)] == ["u1", "u2", "u3"]
            assert counts(client) == (3, 3)
            assert "right now" in refused(upload(client, picture(4), meta_uuid="black"), 500, data=True)
            assert added(upload(client, picture(5), meta_uuid="u5"))["meta_uuid"] == "u5"
            assert not coming.done()
        finally:
            encoder.gate.go.set()
        assert added(coming.result(DEADLINE))["meta_uuid"] == "black"

    assert counts(client) == (5, 5)


def test_one_folder_sent_twice_at_once_doubles_nothing(client: Client) -> None:
    """Of each file one upload is stored and the other one told so: a row, a vector and a number a file."""
    pictures = [picture(300 + seed) for seed in range(6)]

    def send(_: int) -> list[Answer]:
        return [upload(client, data, f"{seed}.jpg") for seed, data in enumerate(pictures)]

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(send, range(2))

    for first, second in zip(one, other, strict=True):
        assert sorted((first.status_code, second.status_code)) == [200, 500]
        refused(first if first.status_code == 500 else second, 500, data=True)
    assert counts(client) == (6, 6)
    assert sorted(row["hash_code"] for row in listed(client)) == sorted(
        hashlib.md5(one).hexdigest() for one in pictures
    )


def test_eight_clients_at_once(client: Client) -> None:
    """Each adds, finds, lists, shows and removes its own, side by side: every answer is the right one."""
    added(upload(client, picture(399), meta_uuid="stays"))

    def one(number: int) -> None:
        data = picture(400 + number)
        for turn in range(2):
            chosen = f"client {number} {turn}"
            row = added(upload(client, data, f"{number}.jpg", meta_uuid=chosen))
            assert found(client, data, limit=1)[0]["hash_code"] == row["hash_code"] == hashlib.md5(data).hexdigest()
            assert client.get(f"/image-search-engine/{row['file_path']}").content == data
            assert chosen in {shown["meta_uuid"] for shown in listed(client, hash_code=row["hash_code"])}
            assert client.get(f"/meta/image/{chosen}").json()["data"]["hash_code"] == row["hash_code"]
            if turn == 0:
                assert client.delete(f"/meta/image/{chosen}").status_code == 200
                assert client.get(f"/meta/image/{chosen}").status_code == 404

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))

    assert counts(client) == (9, 9)
    assert {row["meta_uuid"] for row in listed(client)} == {"stays", *(f"client {number} 1" for number in range(8))}
