"""``python -m dashboard`` with a list of what Python itself opens to write, makes, moves and connects to.

The first argument is the list's path; the rest is the dashboard's command line.
"""

import os
import sys
import time

WATCHED = {
    "open", "os.rename", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.exec", "os.posix_spawn",
    "socket.connect", "socket.sendto", "subprocess.Popen", "tempfile.mkstemp", "tempfile.mkdtemp",
    "shutil.copyfile", "shutil.move", "sqlite3.connect", "urllib.Request",
}  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def main() -> int:
    """Watch, then serve."""
    listed = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def hook(event: str, values: tuple) -> None:
        if event not in WATCHED:
            return
        if event == "open":
            path, mode, flags = values
            reads = not any(sign in mode for sign in "wax+") if isinstance(mode, str) else True
            if reads and not (isinstance(flags, int) and flags & WRITING):
                return
            values = (path,)
        os.write(listed, f"{time.time():.3f} {event} {values[:2]!r:.300}\n".encode())

    sys.addaudithook(hook)
    from dashboard.__main__ import main as serve
    from fusion_model.native_logs import drop_native_logs

    drop_native_logs()
    return serve(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
