"""Names, passwords, and the file that holds them."""

import asyncio
import base64
import io
import sys

import pytest

from dashboard import login
from dashboard.login import LoginError, Users, hashed_password, is_password, main


@pytest.fixture
def users(tmp_path, monkeypatch):
    monkeypatch.setattr(login, "WRONG_S", 0.0)
    (tmp_path / "users").write_text(f"ada:{hashed_password('correct horse')}\n\n")
    return Users(tmp_path / "users")


def header(name, password):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_a_hash_is_salted_and_tells_only_its_own_password():
    first, second = hashed_password("correct horse"), hashed_password("correct horse")
    assert first != second and "correct" not in first
    assert is_password("correct horse", first) and not is_password("correct hors", first)
    assert not is_password("", "scrypt$$") and not is_password("x", "nonsense")


def test_who_is_named_and_right_is_admitted(users):
    assert users.admit("ada", "correct horse") and users.knows("ada")
    assert not users.admit("ada", "wrong") and not users.admit("eve", "correct horse")


@pytest.mark.parametrize(
    "said", ["", "Basic", "Basic ?", "Bearer abc", "Basic /w==", header("ada", "wrong"), header("eve", "")]
)
def test_other_headers_admit_nobody(users, said):
    assert asyncio.run(users.admit_header(said)) is None


def test_a_right_header_is_checked_once(users, monkeypatch):
    assert asyncio.run(users.admit_header(header("ada", "correct horse"))) == "ada"
    monkeypatch.setattr(users, "admit", lambda *_: pytest.fail("checked again"))
    assert asyncio.run(users.admit_header(header("ada", "correct horse"))) == "ada"


@pytest.mark.parametrize("text", ["", "ada:secret\n", "ada\n", "ada:scrypt$00$00\n"])
def test_a_file_that_is_none_is_a_sentence(tmp_path, text):
    (tmp_path / "users").write_text(text)
    with pytest.raises(LoginError, match=r"dashboard\.login"):
        Users(tmp_path / "users")
    with pytest.raises(LoginError, match="cannot be read"):
        Users(tmp_path / "none")


def test_the_command_prints_a_line_that_the_file_may_hold(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "stdin", io.StringIO("correct horse\n"))
    assert main(["bob"]) == 0
    (tmp_path / "users").write_text(capsys.readouterr().out)
    assert Users(tmp_path / "users").admit("bob", "correct horse")
    monkeypatch.setattr(sys, "stdin", io.StringIO("short\n"))
    assert main(["bob"]) == 1 and main(["a:b"]) == 2 and main([]) == 2
