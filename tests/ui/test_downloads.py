"""The route that sends files from the disk: what it sends, and what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit import config

from ui.downloads import route
from ui.downloads.route import Offers, address_of, with_downloads


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setattr(route, "offers", Offers())
    monkeypatch.setattr(route._Served, "is_on", True)
    return TestClient(with_downloads(Starlette()), base_url="http://localhost")


def test_a_file_is_sent_as_it_is_for_the_disk_and_not_to_be_shown(client: TestClient, tmp_path: Path) -> None:
    file = tmp_path / "größe “x”.jsonl"
    file.write_bytes(b'{"a": 1}\n' * 1000)
    answer = client.get(address_of(file, tmp_path))
    assert answer.content == file.read_bytes()
    assert answer.headers["content-disposition"].startswith("attachment; filename*=utf-8''gr%C3%B6")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-length"] == "9000"
    assert "content-encoding" not in answer.headers


def test_a_compressed_file_stays_compressed(client: TestClient, tmp_path: Path) -> None:
    file = tmp_path / "data.jsonl.gz"
    file.write_bytes(b"\x1f\x8b not really")
    answer = client.get(address_of(file, tmp_path))
    assert answer.headers["content-type"] == "application/gzip"
    assert "content-encoding" not in answer.headers
    assert answer.content == file.read_bytes()


def test_a_broken_off_download_goes_on_where_it_stopped(client: TestClient, tmp_path: Path) -> None:
    file = tmp_path / "data.jsonl"
    file.write_bytes(b"0123456789")
    answer = client.get(address_of(file, tmp_path), headers={"Range": "bytes=4-"})
    assert (answer.status_code, answer.content) == (206, b"456789")


def test_a_page_drawn_anew_keeps_its_links(client: TestClient, tmp_path: Path) -> None:
    file = tmp_path / "data.jsonl"
    file.write_text("x")
    assert address_of(file, tmp_path) == address_of(file, tmp_path)
    assert address_of(file, tmp_path) != address_of(tmp_path / "other.jsonl", tmp_path)


@pytest.mark.parametrize("asked", ["", "guessed", "..%2f..%2fetc%2fpasswd", "data.jsonl"])
def test_no_request_can_name_a_file(client: TestClient, tmp_path: Path, asked: str) -> None:
    (tmp_path / "data.jsonl").write_text("x")
    address_of(tmp_path / "data.jsonl", tmp_path)
    assert client.get(f"/download/{asked}").status_code == 404


def test_what_is_gone_or_lies_outside_is_not_sent(client: TestClient, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("x")
    (folder / "link.jsonl").symlink_to(tmp_path / "secret.txt")
    gone = client.get(address_of(folder / "gone.jsonl", folder))
    assert gone.status_code == 404
    assert "not offered any more" in gone.text
    assert client.get(address_of(folder / "link.jsonl", folder)).status_code == 404
    assert client.get(address_of(tmp_path / "secret.txt", folder)).status_code == 404


def test_only_reading_is_answered(client: TestClient, tmp_path: Path) -> None:
    file = tmp_path / "data.jsonl"
    file.write_text("x")
    assert client.post(address_of(file, tmp_path)).status_code == 405
    assert client.head(address_of(file, tmp_path)).headers["content-length"] == "1"


def test_a_server_without_the_route_offers_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route._Served, "is_on", False)
    assert address_of(tmp_path / "data.jsonl", tmp_path) == ""


def test_a_host_that_the_app_would_refuse_is_refused(client: TestClient, tmp_path: Path) -> None:
    file = tmp_path / "data.jsonl"
    file.write_text("x")
    before = config.get_option("server.allowedHosts")
    config.set_option("server.allowedHosts", ["localhost", "*.example.org"])
    try:
        for host in ("localhost", "LOCALHOST:8501", "studio.example.org"):
            assert client.get(address_of(file, tmp_path), headers={"Host": host}).status_code == 200
        for host in ("evil.test", "localhost.evil.test", "example.org", "localhost@evil.test", ""):
            answer = client.get(address_of(file, tmp_path), headers={"Host": host})
            assert (answer.status_code, answer.content[:25]) == (403, b"This name of the server i")
        config.set_option("server.allowedHosts", [])
        assert client.get(address_of(file, tmp_path), headers={"Host": "any.test"}).status_code == 200
    finally:
        config.set_option("server.allowedHosts", before)
