import socket

import pytest

from dashboard.__main__ import _parser, main
from dashboard.server import allowed_origins


def test_a_taken_port_is_one_sentence(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"Port {port}" in said and "--port" in said


def test_a_wrong_command_line_exits_2():
    with pytest.raises(SystemExit) as ended:
        main(["--nonsense"])
    assert ended.value.code == 2


def test_pages_of_this_computer_and_of_the_address_may_connect():
    assert allowed_origins("127.0.0.1", 5006, []) == ["localhost:5006", "127.0.0.1:5006"]
    assert allowed_origins("192.168.1.7", 80, ["lens.example.org"]) == [
        "localhost:80",
        "127.0.0.1:80",
        "192.168.1.7:80",
        "lens.example.org",
    ]


def test_a_copy_of_fer2013_that_is_none_is_one_sentence(capsys, tmp_path, monkeypatch):
    (tmp_path / "own.csv").write_text("label,prediction\nhappy,sad\n")
    assert main(["--port", "0", "--fer2013", str(tmp_path / "own.csv")]) == 1
    said = capsys.readouterr()
    assert "expected a column named pixels" in said.err and said.err.count("\n") == 1
    monkeypatch.setenv("EXPRESSION_LENS_FER2013", str(tmp_path / "none.csv"))
    assert main(["--port", "0"]) == 1
    assert "none.csv does not exist" in capsys.readouterr().err


def test_it_serves_this_computer_only_unless_told():
    options = _parser().parse_args([])
    assert options.address == "127.0.0.1" and options.allow_origin == []
    assert not options.behind_proxy and options.login is None and options.num_procs == 1


def test_every_port_of_several_servers_must_be_free(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--port", str(port - 1), "--num-procs", "2"]) == 1
    assert f"Port {port}" in capsys.readouterr().err
