"""GitOps, the repository: examples/gitops as a Git repository, whose commits are served as artifacts, as Flux's source-controller does."""
import datetime
import functools
import gzip
import hashlib
import http.server
import os
import pathlib
import shutil
import subprocess
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/gitops"
# Nothing of the machine's own configuration.
GIT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_AUTHOR_NAME": "dev", "GIT_AUTHOR_EMAIL": "dev@example.com",
       "GIT_COMMITTER_NAME": "dev", "GIT_COMMITTER_EMAIL": "dev@example.com"}


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Repository:
    """`announce`: called with the artifact of each commit."""
    def __init__(self, scratch, announce):
        self.folder, self.artifacts, self.announce = scratch / "repository", scratch / "artifacts", announce
        shutil.copytree(EXAMPLE, self.folder)
        self.artifacts.mkdir()
        self.git("init", "--quiet", "--initial-branch", "main")
        handler = functools.partial(Silent, directory=str(self.artifacts))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def git(self, *arguments, **options):
        done = subprocess.run(["git", *arguments], cwd=self.folder, env={**os.environ, **GIT}, capture_output=True, **options)
        if done.returncode:
            raise AssertionError(f"git {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def edit(self, path, *changes):
        """Replaces texts of a file, each of which must be there."""
        file = self.folder / path
        text = file.read_text()
        for old, new in changes:
            assert old in text, f"{path} lacks {old!r}"
            text = text.replace(old, new)
        file.write_text(text)

    def commit(self, message):
        """Commits everything and announces it. The revision, as Flux writes it."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message)
        return self.publish()

    def revert(self):
        """Reverts the last commit."""
        self.git("revert", "--no-edit", "HEAD")
        return self.publish()

    def publish(self):
        commit = self.git("rev-parse", "HEAD", text=True).strip()
        # Of the tree, not of the commit: that would add a header which is no file.
        packed = gzip.compress(self.git("archive", "--format=tar", "HEAD^{tree}"), mtime=0)
        name = f"{commit}.tar.gz"
        (self.artifacts / name).write_bytes(packed)
        revision = f"main@sha1:{commit}"
        self.announce({
            "path": name, "revision": revision, "digest": f"sha256:{hashlib.sha256(packed).hexdigest()}", "size": len(packed),
            "url": f"http://127.0.0.1:{self.server.server_address[1]}/{name}",
            "lastUpdateTime": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")})
        return revision

    def end(self):
        self.server.shutdown()
        self.server.server_close()
