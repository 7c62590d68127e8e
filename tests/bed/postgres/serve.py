#!/usr/bin/env python3
"""A real PostgreSQL for tests and the demo: a cluster of its own, on loopback with TLS by an authority that it makes, until standard input ends.

usage: serve.py [--port PORT] [--host ADDRESS]        (127.0.0.1; a node's address where pods are to reach it)
First line of standard output: JSON {"host", "port", "user", "password", "database", "ca", "psql"}, once it answers. Then commands, one a line on
standard input, each answered by a line: `kill` (SIGKILL of all its processes, as a crash), `start` (again, on the same data), `stop` (fast shutdown).
Its data lie in memory-like haste (no fsync) in a temporary directory, which goes with it. PostgreSQL refuses to run as root: then it is `nobody`.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import acquire_postgres  # noqa: E402
import temporary  # noqa: E402
from parts import die_with, free_port  # noqa: E402

NOBODY, LOOPBACK = 65534, "127.0.0.1"
PREFIX = "tributary-postgres-server-"
SECONDS = 60
USER, PASSWORD, DATABASE = "postgres", "canary-pg-8Kd1", "benchling"


def say(text):
    print(f"postgres: {text}", file=sys.stderr, flush=True)


class Server:
    def __init__(self, folder, port, host):
        self.programs = acquire_postgres.programs(say)
        self.data, self.port, self.host, self.process = folder / "data", port, host, None
        self.owner = NOBODY if os.getuid() == 0 else None
        self.env = {**os.environ, "LC_ALL": "C.UTF-8", "HOME": str(folder), **self.programs.env}
        self.folder = folder

    def _as_owner(self, dying=False):
        """A preexec function: gives root's rights away for good, and dies with us."""
        parent = os.getpid()

        def apply():
            if self.owner is not None:
                os.setgroups([])
                os.setgid(self.owner)
                os.setuid(self.owner)
            if dying:
                die_with(parent, signal.SIGQUIT)()
        return apply

    def run(self, *command):
        done = subprocess.run([str(c) for c in command], env=self.env, preexec_fn=self._as_owner(), cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS)
        if done.returncode:
            sys.exit(f"postgres: {' '.join(map(str, command))}\n{done.stdout}")

    def make(self):
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        self.authority()
        if self.owner is not None:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, self.owner, self.owner)
        self.run(self.programs.initdb, "-D", self.data, "-U", USER, "--pwfile", secret, "--auth-host=scram-sha-256", "--auth-local=scram-sha-256",
                 "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")
        (self.data / "pg_hba.conf").write_text(
            "local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\nhostssl all all ::1/128 scram-sha-256\nhostnossl all plain 127.0.0.1/32 scram-sha-256\n"
            # Pods have addresses of their own.
            + ("hostssl all all 0.0.0.0/0 scram-sha-256\n" if self.host != LOOPBACK else ""))

    def authority(self):
        """An authority, and a certificate of it for localhost, and for the address if that is another one."""
        def openssl(*arguments):
            done = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"postgres: openssl {' '.join(arguments)}: {done.stderr}")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=bed authority",
                "-keyout", "ca.key", "-out", "ca.crt")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-keyout", "server.key", "-out",
                "server.csr")
        (self.folder / "san").write_text("subjectAltName=DNS:localhost" + (f",IP:{self.host}" if self.host != LOOPBACK else "") + "\n")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san", "-out",
                "server.crt")
        (self.folder / "server.key").chmod(0o600)

    def start(self):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(
            [str(self.programs.postgres), "-D", str(self.data), "-p", str(self.port), "-c", f"listen_addresses={self.host}", "-c",
             f"unix_socket_directories={self.folder}", "-c", "ssl=on", "-c", f"ssl_cert_file={self.folder}/server.crt", "-c",
             f"ssl_key_file={self.folder}/server.key", "-c", "fsync=off", "-c", "jit=off", "-c", "shared_buffers=16MB", "-c", "max_connections=50",
             "-c", "restart_after_crash=on"],
            env=self.env, preexec_fn=self._as_owner(dying=True), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + SECONDS
        while not self.sql("SELECT 1", "postgres"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"postgres: it does not come up:\n{(self.folder / 'log').read_text(errors='replace')[-3000:]}")
            time.sleep(0.05)

    def sql(self, text, database=DATABASE):
        """Through the Unix socket, as the superuser."""
        done = subprocess.run([str(self.programs.psql), "-qAt", "-h", str(self.folder), "-p", str(self.port), "-U", USER, "-d", database, "-c", text],
                              env={**self.env, "PGPASSWORD": PASSWORD}, capture_output=True, text=True)
        return done.returncode == 0

    def end(self, number):
        """To all of its processes: SIGKILL is a crash, SIGINT a fast shutdown."""
        if self.process and self.process.poll() is None:
            if number == signal.SIGKILL:
                os.killpg(self.process.pid, number)
                for child in pathlib.Path("/proc").glob("[0-9]*/stat"):
                    try:
                        fields = child.read_text().rpartition(")")[2].split()
                        if int(fields[1]) == self.process.pid:
                            os.kill(int(child.parent.name), number)
                    except (OSError, IndexError, ValueError):
                        continue
            else:
                self.process.send_signal(number)
            self.process.wait(timeout=SECONDS)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int)
    parser.add_argument("--host", default=LOOPBACK)
    chosen = parser.parse_args()
    port = chosen.port or free_port()
    temporary.sweep(PREFIX)
    # Held until this process ends.
    folder, _owner = temporary.make(PREFIX)
    server = Server(folder, port, chosen.host)
    try:
        server.make()
        server.start()
        for text in (f"CREATE DATABASE {DATABASE}", f"CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}'"):
            if not server.sql(text, "postgres"):
                sys.exit(f"postgres: failed: {text}")
        print(json.dumps({"host": "localhost" if chosen.host == LOOPBACK else chosen.host, "port": port, "user": USER, "password": PASSWORD, "database": DATABASE,
                          "ca": (folder / "ca.crt").read_text(), "psql": str(server.programs.psql), "env": server.programs.env}), flush=True)
        for line in sys.stdin:
            verb = line.strip()
            if verb == "kill":
                server.end(signal.SIGKILL)
            elif verb == "stop":
                server.end(signal.SIGINT)
            elif verb == "start":
                (server.data / "postmaster.pid").unlink(missing_ok=True)
                server.start()
            print(verb, flush=True)
    finally:
        server.end(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, lambda number, _: sys.exit(128 + number))
    main()
