"""Requests of other sites, other users and broken clients are refused."""

import json
import stat

import pytest
import requests

import helpers
import studio_server
from tfstyle.web import guard

PNG = studio_server.png(helpers.image(20, 20, 1))


@pytest.fixture
def stranger(studio):
    """A session without the cookie."""
    with requests.Session() as session:
        yield session


def test_the_token_in_the_address_becomes_a_cookie(studio, stranger):
    first = stranger.get(
        f"{studio.url}/?token={studio_server.TOKEN}", allow_redirects=False
    )
    assert (first.status_code, first.headers["Location"]) == (303, "/")
    cookie = first.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert stranger.get(studio.url).ok


@pytest.mark.parametrize("path", ["/", "/api/events", "/static/main.js"])
@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", "?token=é"])
def test_nothing_is_there_without_the_token(studio, stranger, path, query):
    answer = stranger.get(studio.url + path + query, allow_redirects=False)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_a_wrong_cookie_is_refused(studio, stranger):
    port = studio.url.rpartition(":")[2]
    for value in ("", "wrong", studio_server.TOKEN[:-1]):
        cookie = {"Cookie": f"tfstyle_studio_{port}={value}"}
        assert stranger.get(studio.url, headers=cookie).status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "[::1]", "0.0.0.0", ""]
)
def test_other_names_of_the_host_are_refused(studio, host):
    # A name of another site's that leads to 127.0.0.1: DNS rebinding.
    for path in ("/", f"/?token={studio_server.TOKEN}"):
        headers = {"Host": host, "Cookie": studio.cookie}
        answer = studio.get(path, headers=headers, allow_redirects=False)
        assert (answer.status_code, answer.text) == (403, "Wrong host.")


def test_localhost_is_a_name_of_the_host(studio):
    port = studio.url.rpartition(":")[2]
    headers = {"Host": f"localhost:{port}", "Cookie": studio.cookie}
    assert studio.get("/", headers=headers).ok


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:1", "null", None]
)
@pytest.mark.parametrize("path", ["/api/images", "/api/jobs", "/api/desk"])
def test_other_sites_change_nothing(studio, origin, path):
    kept = studio.state()["images"]
    headers = {"Content-Type": "application/octet-stream", "Origin": origin}
    answer = studio.session.post(studio.url + path, PNG, headers=headers)
    assert answer.status_code == 403
    assert studio.state()["images"] == kept


def test_other_sites_read_nothing(studio):
    for headers in (
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "same-site"},  # Another port has our cookies.
        {"Sec-Fetch-Site": "cross-site"},
    ):
        assert studio.get("/api/events", headers=headers).status_code == 403


def test_forms_of_other_sites_have_the_wrong_type(studio):
    for kind in ("text/plain", "multipart/form-data; boundary=x", ""):
        answer = studio.post("/api/images", PNG, kind)
        assert answer.status_code == 415


def test_every_answer_forbids_what_the_page_does_not_need(studio, stranger):
    for answer in (
        studio.get("/"),
        studio.get("/api/images/none/view"),
        studio.post("/api/jobs", b"{"),
        stranger.get(studio.url),
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; connect-src 'self'; ")
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e%2fapp.py",
        "/static/..%5capp.py",
        "/static/%2fetc%2fpasswd",
        "/static/",
        "/api/images/..%2f..%2ftoken/file",
        "/api/images/token/file",
        "/api/jobs/..%2f..%2ftoken/picture",
        "/api/jobs/%00/frame",
    ],
)
def test_files_beside_are_out_of_reach(studio, path):
    answer = studio.raw(f"GET {path}")
    assert answer.split(b" ")[1] in (b"404", b"400", b"403")
    assert b"import" not in answer and b"root:" not in answer


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(studio, method):
    answer = studio.session.request(
        method, f"{studio.url}/api/images", headers={"Origin": studio.url}
    )
    assert answer.status_code in (403, 405)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 50_000,
        b"null",
        b"[]",
        json.dumps({"recipe": {}, "kept": True, "more": 1}).encode(),
        json.dumps({"recipe": [], "kept": True}).encode(),
        b'{"recipe": {"engine": ["optimize"]}, "kept": true}',
        b'{"recipe": {"engine": "rm"}, "kept": true}',
        b'{"recipe": {"engine": "one_pass", "content": "../x"}, "kept": true}',
    ],
)
def test_bodies_that_are_no_recipes_are_refused(studio, body):
    answer = studio.post("/api/jobs", body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert studio.state()["jobs"] == []


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1e999", "NaN", "-1"])
def test_numbers_that_are_none_are_refused(studio, number):
    id = "0" * 24
    recipe = (
        f'{{"engine": "one_pass", "content": "{id}", "styles":'
        f' [{{"image": "{id}", "share": {number}}}]}}'
    )
    body = f'{{"recipe": {recipe}, "kept": true}}'.encode()
    answer = studio.post("/api/jobs", body)
    assert answer.status_code == 400 and "`share`" in answer.json()["error"]


@pytest.mark.parametrize("number", ["1e999", "NaN"])
def test_a_desk_that_no_page_can_read_is_refused(studio, number):
    answer = studio.post("/api/desk", f'{{"a": {number}}}'.encode())
    assert answer.status_code == 400
    assert studio.state()["desk"] == {}


def test_a_recipe_of_unknown_images_is_refused(studio):
    recipe = {
        "engine": "one_pass",
        "content": "0" * 24,
        "styles": [{"image": "1" * 24}],
    }
    answer = studio.post("/api/jobs", {"recipe": recipe, "kept": True})
    assert answer.status_code == 404


def test_too_much_json_is_refused(studio):
    answer = studio.post("/api/desk", {"a": "x" * 100_000})
    assert answer.status_code == 413
    assert answer.json()["error"] == "This is larger than 64 kB."
    assert studio.state()["desk"] == {}


def test_only_the_owner_reads_the_token(tmp_path):
    token = guard.token(tmp_path)
    assert len(token) >= 32 and guard.token(tmp_path) == token
    mode = stat.S_IMODE((tmp_path / "token").stat().st_mode)
    assert mode == 0o600
    (tmp_path / "token").write_text("")  # Cut off: nobody must get in by "".
    assert len(guard.token(tmp_path)) >= 32
