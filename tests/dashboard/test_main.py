import socket

import pytest

from dashboard.__main__ import _origins, main


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
    assert _origins("127.0.0.1", 5006, []) == ["localhost:5006", "127.0.0.1:5006"]
    assert _origins("192.168.1.7", 80, ["lens.example.org"]) == [
        "localhost:80",
        "127.0.0.1:80",
        "192.168.1.7:80",
        "lens.example.org",
    ]
