"""The image: nothing but the program in it, no root, and the same bytes from the same input."""
import json
import pathlib
import tarfile
import tempfile
import unittest

import image


class Image(unittest.TestCase):
    def setUp(self):
        here = tempfile.TemporaryDirectory()
        self.addCleanup(here.cleanup)
        self.here = pathlib.Path(here.name)
        self.binary = self.here / "prog"
        self.binary.write_bytes(b"#!/bin/sh\n")

    def pack(self, name="a.tar", **options):
        return image.pack(self.binary, self.here / name, "example.org/prog:1", **options)

    def read(self, name="a.tar"):
        """(config, files of all layers) of an archive."""
        with tarfile.open(self.here / name) as archive:
            def blob(digest):
                return archive.extractfile(f"blobs/{digest.replace(':', '/')}")
            index = json.load(archive.extractfile("index.json"))
            manifest = json.load(blob(index["manifests"][0]["digest"]))
            files = {}
            for layer in manifest["layers"]:
                with tarfile.open(fileobj=blob(layer["digest"])) as tar:
                    files |= {entry.name: entry for entry in tar if entry.isfile()}
            return json.load(blob(manifest["config"]["digest"])), files

    def test_the_same_input_gives_the_same_bytes(self):
        self.assertEqual(self.pack("a.tar"), self.pack("b.tar"))
        self.assertEqual((self.here / "a.tar").read_bytes(), (self.here / "b.tar").read_bytes())
        self.binary.write_bytes(b"#!/bin/sh\necho\n")
        self.assertNotEqual(self.pack("a.tar"), self.pack("b.tar", labels={"x": "y"}))

    def test_it_holds_the_program_and_no_more_and_is_not_root(self):
        self.pack(labels={"org.opencontainers.image.version": "1"})
        config, files = self.read()
        self.assertEqual({"prog", "etc/passwd", "etc/group", "etc/ssl/certs/ca-certificates.crt"}, set(files))
        self.assertEqual("65532:65532", config["config"]["User"])
        self.assertEqual(["/prog"], config["config"]["Entrypoint"])
        self.assertEqual({"org.opencontainers.image.version": "1"}, config["config"]["Labels"])
        # Nobody but root owns anything, and nobody else may write.
        self.assertEqual({0}, {entry.uid for entry in files.values()} | {entry.mode & 0o022 for entry in files.values()})

    def test_libraries_come_with_their_loader(self):
        self.binary = pathlib.Path("/bin/true")
        self.pack(libraries=True, plain=True)
        names = {pathlib.PurePosixPath(name).name for name in self.read()[1]}
        self.assertIn("libc.so.6", names)
        self.assertTrue(any(name.startswith("ld-") for name in names), names)


if __name__ == "__main__":
    unittest.main()
