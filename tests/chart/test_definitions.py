"""CRDs accept what those of the previous chart accepted: what became narrower is listed here, each with what users do about it."""
import re
import tarfile
import unittest

import chart
from chart import yaml

PREVIOUS = chart.ROOT / "tests/fixtures/charts/previous.tgz"
# Keyword of a schema, and whether a new value is narrower than the old one. None: the keyword is not there.
LIMITS = {
    "maximum": lambda old, new: new is not None and (old is None or new < old),
    "maxLength": lambda old, new: new is not None and (old is None or new < old),
    "maxItems": lambda old, new: new is not None and (old is None or new < old),
    "maxProperties": lambda old, new: new is not None and (old is None or new < old),
    "minimum": lambda old, new: new is not None and (old is None or new > old),
    "minLength": lambda old, new: new is not None and (old is None or new > old),
    "minItems": lambda old, new: new is not None and (old is None or new > old),
    "pattern": lambda old, new: new is not None and new != old,
    "format": lambda old, new: new is not None and new != old,
    "type": lambda old, new: new != old,
}
# Each is a limit of AWS: an object beyond it was never applied. The API server checks a stored object again only where it changes (CRD
# ratcheting, stable since Kubernetes 1.33), so these keep nobody from changing something else.
NARROWER = {
    r"(tags|defaultTags)\[\]: maxLength None became 256": "IAM user guide, rules for tagging",
    r"\.inputPathsMap\[\]: maxLength None became 256": "InputTransformer, JSON paths",
    r"\.inputPathsMap\[\]: pattern None became .*": "InputTransformer, JSON paths",
    r"\.inputPath: pattern .*": "Target, JSON paths",
    r"\.http\.(headers|query)\[\]: (min|max)Length None became \d+": "HttpParameters",
    r"\.description: pattern None became .*": "descriptions have one line",
    r"\.eventPattern: maxProperties None became 256": "a bound that rules in CEL need; patterns have at most 4096 bytes",
}


def definitions():
    """Schema of the only version of each CRD: previous, now."""
    with tarfile.open(PREVIOUS) as tar:
        for name in sorted(tar.getnames()):
            if name.startswith("tributary/files/crds/"):
                file = name.rpartition("/")[2]
                pair = (yaml.safe_load(tar.extractfile(name).read()), yaml.safe_load((chart.CHART / "files/crds" / file).read_text()))
                yield file.removesuffix(".yaml"), *(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] for crd in pair)


def narrower(path, old, new):
    """What the new schema rejects and the old one accepts. Rules in CEL cannot be compared: tests/installation applies them to stored objects."""
    for keyword, worse in LIMITS.items():
        if worse(old.get(keyword), new.get(keyword)):
            yield f"{path}: {keyword} {old.get(keyword)} became {new.get(keyword)}"
    for value in old.get("enum", []):
        if value not in new.get("enum", [value]):
            yield f"{path}: {value} is no value any more"
    if "enum" in new and "enum" not in old:
        yield f"{path}: limited to {new['enum']}"
    yield from (f"{path}.{name}: required" for name in new.get("required", []) if name not in old.get("required", []))
    for name, schema in old.get("properties", {}).items():
        if name in new.get("properties", {}):
            yield from narrower(f"{path}.{name}", schema, new["properties"][name])
        elif not new.get("x-kubernetes-preserve-unknown-fields"):
            yield f"{path}.{name}: removed"
    for keyword in ("items", "additionalProperties"):
        if isinstance(old.get(keyword), dict):
            yield from narrower(f"{path}[]", old[keyword], new.get(keyword) or {})


class Definitions(unittest.TestCase):
    def test_what_became_narrower_is_listed(self):
        found = [line for kind, old, new in definitions() for line in narrower(kind, old, new)]
        listed = {pattern: [line for line in found if re.search(f"{pattern}$", line)] for pattern in NARROWER}
        self.assertEqual([], [line for line in found if not any(line in lines for lines in listed.values())])
        self.assertEqual([], [pattern for pattern, lines in listed.items() if not lines], "nothing is narrower in this way any more")

    def test_each_way_to_become_narrower_is_found(self):
        old = {"type": "object", "properties": {
            "a": {"type": "string", "enum": ["x", "y"]}, "b": {"type": "integer", "maximum": 9}, "c": {"type": "array", "items": {"type": "string"}}, "d": {"type": "string"}}}
        same = list(narrower("", old, old))
        new = {"type": "object", "required": ["b"], "properties": {
            "a": {"type": "string", "enum": ["x"]}, "b": {"type": "integer", "maximum": 8}, "c": {"type": "array", "items": {"type": "string", "pattern": "^x"}}}}
        self.assertEqual(([], [".a: y is no value any more", ".b: maximum 9 became 8", ".b: required", ".c[]: pattern None became ^x", ".d: removed"]),
                         (same, sorted(narrower("", old, new))))

    def test_artifact_hub_shows_every_kind(self):
        shown = yaml.safe_load(yaml.safe_load((chart.CHART / "Chart.yaml").read_text())["annotations"]["artifacthub.io/crds"])
        wanted = []
        for file in sorted((chart.CHART / "files/crds").glob("*.yaml")):
            crd = yaml.safe_load(file.read_text())
            kind, [version] = crd["spec"]["names"]["kind"], crd["spec"]["versions"]
            wanted.append({"kind": kind, "version": version["name"], "name": crd["metadata"]["name"], "displayName": kind,
                           "description": version["schema"]["openAPIV3Schema"]["description"]})
        self.assertEqual(wanted, shown, "annotation artifacthub.io/crds of charts/tributary/Chart.yaml")


if __name__ == "__main__":
    unittest.main()
