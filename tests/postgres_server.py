"""A PostgreSQL server of the tests' own: on loopback, on a free port, in a folder that goes away with it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

USER, PASSWORD = "cx", "s3cret-of-the-tests"


def find_binaries() -> Path | None:
    """Folder of the newest server that is installed; Debian keeps it off the PATH."""
    known = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    found = [path for path in (*known, *([Path(on_path)] if on_path else [])) if (path.parent / "pg_ctl").exists()]
    return found[-1].parent if found else None


@contextmanager
def running_server(binaries: Path) -> Iterator[str]:
    """URL of a server that runs as long as the context; it refuses to run as root, and then runs as postgres."""
    is_root = os.geteuid() == 0
    prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if is_root else []
    folder = Path(tempfile.mkdtemp(prefix="cxfusion-postgres-"))
    if is_root:
        shutil.chown(folder, "postgres", "postgres")
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    port = _free_port()

    def call(program: str, *arguments: str) -> None:
        command = [*prefix, str(binaries / program), "-D", str(folder / "data"), *arguments]
        done = subprocess.run(
            command, cwd=folder, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        call(
            "initdb", "-U", USER, "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync", "-E", "UTF8", "--locale=C"
        )
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        call("pg_ctl", "-w", "-t", "60", "-o", options, "-l", str(folder / "log"), "start")
        try:
            yield f"postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
