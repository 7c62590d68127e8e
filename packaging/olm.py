#!/usr/bin/env python3
"""The bundle for the Operator Lifecycle Manager (OLM), made from the chart, the CRDs, the examples and packaging/olm. Needs helm and PyYAML (Debian: python3-yaml).

  olm.py FOLDER   writes manifests/, metadata/annotations.yaml and bundle.Dockerfile into the folder

Format: OLM documentation, "Operator Bundle" (registry+v1).
"""
import base64
import json
import pathlib
import shutil
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE, CHANNEL = "tributary", "preview"
PREFIX = "operators.operatorframework.io.bundle"
ANNOTATIONS = {f"{PREFIX}.mediatype.v1": "registry+v1", f"{PREFIX}.manifests.v1": "manifests/", f"{PREFIX}.metadata.v1": "metadata/",
               f"{PREFIX}.package.v1": PACKAGE, f"{PREFIX}.channels.v1": CHANNEL, f"{PREFIX}.channel.default.v1": CHANNEL}
# The release is OLM's, not Helm's.
OF_HELM = ("helm.sh/chart", "app.kubernetes.io/managed-by", "helm.sh/resource-policy")
# Objects of the chart that the bundle has as they are. The account and its roles are in the ClusterServiceVersion.
PLAIN = ("PodDisruptionBudget",)


def rendered(helm="helm"):
    """What the chart installs by default."""
    command = [helm, "template", PACKAGE, str(ROOT / "charts/tributary"), "-n", "tributary-system", "--kube-version", "1.34.0", "--set", "crds.install=false"]
    return documents(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def documents(text):
    return [found for found in yaml.safe_load_all(text) if found]


def bundle(objects):
    """Name of each file and its text."""
    crds = [own(documents(file.read_text())[0]) for file in sorted((ROOT / "crds").glob("*.yaml"))]
    csv = service_version(objects, crds)
    files = {f"manifests/{PACKAGE}.clusterserviceversion.yaml": csv}
    files |= {f"manifests/{crd['metadata']['name']}.crd.yaml": crd for crd in crds}
    for found in map(own, objects):
        name = found["metadata"]["name"]
        if found["kind"] in PLAIN or found["kind"] == "ClusterRole" and name != PACKAGE:
            files[f"manifests/{name}.{found['kind'].lower()}.yaml"] = found
    labels = "".join(f"LABEL {key}={value}\n" for key, value in ANNOTATIONS.items())
    return {**{name: yaml.safe_dump(found, sort_keys=False, width=120) for name, found in files.items()},
            "metadata/annotations.yaml": yaml.safe_dump({"annotations": ANNOTATIONS}, sort_keys=False),
            "bundle.Dockerfile": f"FROM scratch\n{labels}COPY manifests /manifests/\nCOPY metadata /metadata/\n"}


def own(found):
    """Without what only Helm needs, and without the namespace, which OLM chooses."""
    found = without_helm(found)
    found["metadata"].pop("namespace", None)
    return found


def without_helm(found):
    """Without what only Helm needs."""
    found = json.loads(json.dumps(found))
    for metadata in (found["metadata"], found.get("spec", {}).get("template", {}).get("metadata", {})):
        for field in ("labels", "annotations"):
            left = {key: value for key, value in metadata.get(field, {}).items() if key not in OF_HELM}
            if field in metadata and not left:
                del metadata[field]
            elif left:
                metadata[field] = left
    return found


def service_version(objects, crds):
    by_kind = {(found["kind"], found["metadata"]["name"]): own(found) for found in objects}
    deployment = by_kind["Deployment", PACKAGE]
    version = yaml.safe_load((ROOT / "charts/tributary/Chart.yaml").read_text())
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    head = yaml.safe_load((ROOT / "packaging/olm/csv.yaml").read_text())
    account = deployment["spec"]["template"]["spec"]["serviceAccountName"]
    annotations = {"alm-examples": json.dumps(examples(crds), indent=1, default=lambda time: time.strftime("%Y-%m-%dT%H:%M:%SZ")), "containerImage": container["image"], **head["metadata"]["annotations"]}
    install = {"deployments": [{"name": PACKAGE, "label": deployment["metadata"]["labels"], "spec": deployment["spec"]}],
               "clusterPermissions": [{"serviceAccountName": account, "rules": by_kind["ClusterRole", PACKAGE]["rules"]}],
               "permissions": [{"serviceAccountName": account, "rules": by_kind["Role", PACKAGE]["rules"]}]}
    spec = {**head["spec"], "version": version["version"], "minKubeVersion": version["kubeVersion"].removeprefix(">=").removesuffix("-0"),
            "icon": [{"base64data": base64.b64encode((ROOT / "packaging/olm/icon.svg").read_bytes()).decode(), "mediatype": "image/svg+xml"}],
            "relatedImages": [{"name": PACKAGE, "image": container["image"]}],
            "customresourcedefinitions": {"owned": [owned(crd) for crd in crds]}, "install": {"strategy": "deployment", "spec": install}}
    return {"apiVersion": "operators.coreos.com/v1alpha1", "kind": "ClusterServiceVersion",
            "metadata": {"name": f"{PACKAGE}.v{version['version']}", "namespace": "placeholder", "annotations": annotations}, "spec": spec}


def owned(crd):
    """A CRD as the console shows it."""
    names, [version] = crd["spec"]["names"], crd["spec"]["versions"]
    return {"name": crd["metadata"]["name"], "kind": names["kind"], "version": version["name"], "displayName": names["kind"],
            "description": version["schema"]["openAPIV3Schema"]["description"]}


def examples(crds):
    """The first object of each kind in examples/ that no overlay completes, for the console's form."""
    wanted, found = {crd["spec"]["names"]["kind"] for crd in crds}, {}
    files = [file for file in sorted((ROOT / "examples").rglob("*.yaml")) if not {"base", "overlays"} & set(file.parts)]
    for file in files:
        for example in documents(file.read_text()) if "tributary.dev/" in file.read_text() else []:
            if isinstance(example, dict) and str(example.get("apiVersion")).startswith("tributary.dev/") and example["kind"] in wanted:
                found.setdefault(example["kind"], example)
    return [found[kind] for kind in sorted(found)]


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip())
        return 2
    if not shutil.which("helm"):
        print("olm: helm not found. Install Helm, or run `python3 tests/bed/bed.py tools -- python3 packaging/olm.py FOLDER`.")
        return 1
    folder = pathlib.Path(sys.argv[1])
    for name, text in bundle(rendered()).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
