"""`make kind`, the Tiltfile and the development container. No Docker here: the programs are recorders, and what they were told is compared."""
import ast
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/bed"))
import acquire  # noqa: E402

SCRIPT = ROOT / "packaging/dev/kind.sh"
PROGRAMS = ("docker", "kind", "kubectl", "helm", "cargo", "python3")
NEEDED = ("bash", "env", "dirname", "grep", "sed", "mktemp", "rm")
# Writes down how it was called. `kind get clusters` answers what CLUSTERS says, and the call that FAILS names fails.
RECORDER = """#!/bin/sh
echo "$(basename "$0") $*" >> "$RECORD"
case "$(basename "$0") $*" in "kind get clusters") echo "$CLUSTERS" ;; $FAILS) exit 3 ;; esac
"""
# Functions of Tilt's API reference that the Tiltfile may call.
TILT = {"allow_k8s_contexts", "custom_build", "k8s_yaml", "k8s_resource", "helm"}


class Kind(unittest.TestCase):
    def run_script(self, *arguments, programs=PROGRAMS, clusters="", fails="none"):
        """Exit code, output, and the calls of the programs."""
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in programs:
            (folder / name).write_text(RECORDER)
            (folder / name).chmod(0o755)
        for name in (*NEEDED, "basename"):
            found = subprocess.run(["which", name], check=True, capture_output=True, text=True).stdout.strip()
            (folder / name).symlink_to(found)
        record = folder / "record"
        record.touch()
        env = {"PATH": str(folder), "RECORD": str(record), "CLUSTERS": clusters, "FAILS": fails, "CARGO_TARGET_DIR": "/built", "TMPDIR": str(folder), "HOME": str(folder)}
        done = subprocess.run([str(folder / "bash"), str(SCRIPT), *arguments], capture_output=True, text=True, env=env, cwd=folder)
        self.assertEqual([], list(folder.glob("*.tar")), "the archive is removed")
        return done.returncode, done.stdout + done.stderr, record.read_text().splitlines()

    def test_one_command_makes_everything(self):
        code, said, calls = self.run_script("up")
        self.assertEqual(0, code, said)
        calls = [re.sub(r"/\S+\.tar", "ARCHIVE", call) for call in calls]
        image = "ghcr.io/tributary-dev/tributary:dev"
        wanted = [
            "docker info", "kind get clusters", "kind create cluster --name tributary --wait 120s", "kubectl config use-context kind-tributary", "cargo build --locked --bin tributary-operator",
            f"python3 tests/bed/image.py /built/debug/tributary-operator ARCHIVE --name {image} --libraries --plain", "kind load image-archive ARCHIVE --name tributary",
            "docker build --quiet --file packaging/dev/standin.Containerfile --tag tributary-aws-standin:dev tests/bed",
            "kind load docker-image tributary-aws-standin:dev --name tributary", "kubectl apply --filename packaging/dev/standin.yaml",
            "helm upgrade --install tributary charts/tributary --namespace tributary-system --create-namespace --values packaging/dev/values.yaml",
            "kubectl apply --filename packaging/dev/account.yaml", "kubectl rollout restart deployment/tributary --namespace tributary-system",
            "kubectl rollout status deployment/aws --namespace aws-standin --timeout 120s",
            "kubectl rollout status deployment/tributary --namespace tributary-system --timeout 120s"]
        self.assertEqual(wanted, calls)
        for word in " ".join(wanted).split():
            if word.startswith(("packaging/", "tests/", "charts/")):
                self.assertTrue((ROOT / word).exists(), word)
        for path in re.findall(r"-k (\S+)", said):
            self.assertTrue((ROOT / path).is_dir(), path)
        # Again: the cluster stays.
        self.assertEqual([call for call in wanted if "create cluster" not in call],
                         [re.sub(r"/\S+\.tar", "ARCHIVE", call) for call in self.run_script("up", clusters="other\ntributary")[2]])

    def test_the_image_that_is_loaded_is_that_of_the_values(self):
        values = (ROOT / "packaging/dev/values.yaml").read_text()
        tag = re.search(r"tag: (\w+)", values)[1]
        self.assertIn(f"IMAGE=ghcr.io/tributary-dev/tributary:{tag}\n", SCRIPT.read_text())
        self.assertIn("pullPolicy: Never", values)
        standin = (ROOT / "packaging/dev/standin.yaml").read_text()
        self.assertIn("STANDIN=" + re.search(r"image: (\S+)", standin)[1] + "\n", SCRIPT.read_text())
        for path in re.findall(r"/bed/(\S+\.py)", standin):
            self.assertTrue((ROOT / "tests/bed" / path).is_file(), path)

    def test_missing_programs_are_named_with_the_next_step_and_nothing_is_done(self):
        code, said, calls = self.run_script("up", programs=("docker", "kubectl", "cargo", "python3"))
        self.assertEqual((69, []), (code, calls))
        for name in ("kind", "helm"):
            self.assertRegex(said, rf"kind: {name} not found\. Install it: https://\S+")
        self.assertIn("make demo", said)
        code, said, calls = self.run_script("up", fails="docker info")
        self.assertEqual((69, ["docker info"]), (code, calls))
        self.assertIn("the Docker daemon does not answer. Start it, or set DOCKER_HOST.", said)

    def test_it_stops_where_a_step_fails(self):
        code, _, calls = self.run_script("up", fails="cargo build*")
        self.assertEqual((3, "cargo build --locked --bin tributary-operator"), (code, calls[-1]))

    def test_other_verbs(self):
        self.assertEqual((0, ["kind delete cluster --name tributary"]), self.run_script("down")[::2])
        code, said, calls = self.run_script("load", "registry/name:tag")
        self.assertEqual(0, code, said)
        self.assertIn("--name registry/name:tag ", calls[1])
        code, said, calls = self.run_script()
        self.assertEqual((2, []), (code, calls))
        self.assertIn("kind.sh up", said)


class Shell(unittest.TestCase):
    def test_shellcheck_finds_nothing_in_scripts(self):
        scripts = [SCRIPT, *(ROOT / "tests").glob("*.sh"), ROOT / ".ci/run", ROOT / "packaging/kubectl/kubectl_complete-tributary"]
        done = subprocess.run([*acquire.shellcheck(print), *map(str, scripts)], capture_output=True, text=True, env=os.environ)
        self.assertEqual((0, ""), (done.returncode, done.stdout + done.stderr))


class Files(unittest.TestCase):
    def test_the_tiltfile_names_what_exists(self):
        # Starlark's syntax is a part of Python's.
        tree = ast.parse((ROOT / "Tiltfile").read_text())
        calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call)}
        self.assertEqual(TILT, calls)
        texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        paths = [text.split()[0] for text in texts if "/" in text and not text.startswith("ghcr.io")]
        self.assertGreater(len(paths), 4)
        for path in [*paths, "Cargo.toml", "Cargo.lock", "src", "crates"]:
            self.assertTrue((ROOT / path).exists(), path)
        self.assertIn("kind-tributary", texts)

    def test_the_development_container_has_what_the_tests_need(self):
        found = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
        versions = {name.rpartition("/")[2].partition(":")[0]: options.get("version") for name, options in found["features"].items()}
        go = re.search(r"^go (\d+\.\d+)", (ROOT / "tests/bed/controlplane/go.mod").read_text(), re.M)[1]
        self.assertEqual(go, versions["go"])
        self.assertIn(f'python-version: "{versions["python"]}"', (ROOT / ".github/workflows/ci.yml").read_text())
        self.assertLessEqual({"docker-in-docker", "kubectl-helm-minikube"}, set(versions))
        self.assertIn("rustup toolchain install", found["postCreateCommand"])


if __name__ == "__main__":
    unittest.main()
