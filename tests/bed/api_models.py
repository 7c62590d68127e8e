"""AWS's own limits of the calls that we make: lengths, patterns, ranges, enums and required members, from the API models that botocore ships.

usage: api_models.py           (in the bed's interpreter, which has botocore) writes crates/core/src/limits/models.json
       api_models.py --check   exits with 1 if that file differs

The calls are those of the product, read from crates/aws/src/lib.rs. A member is named by its path: `Targets[].Id`, `Tags{}` for the
values of a map and `Tags{key}` for its keys.
"""
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FILE = ROOT / "crates/core/src/limits/models.json"       # the product checks its plans against the same file
CALLS = ROOT / "crates/aws/src/lib.rs"
# Signing name: folder of the model, where they differ.
FOLDERS = {"states": "stepfunctions"}
# Calls that need the IAM action of another name.
BATCHES = {"lambda": ("Invoke",), "sqs": ("ChangeMessageVisibilityBatch", "DeleteMessageBatch", "SendMessageBatch")}
LIMITS = ("min", "max", "pattern", "enum")


def calls():
    """The operations of each service, as `for_each_service!` in the product lists them."""
    rows = re.findall(r'^ +(\w+): \w+ "[\w ]+" = aws_sdk_\w+, [^{]*\{([^}]*)\}', CALLS.read_text(), re.M)
    return {service: sorted({*re.findall(r"\w+", names), *BATCHES.get(service, ())}) for service, names in rows}


def members(shapes, name, path="", seen=()):
    """Yields (path, limits) of every constrained member below a shape, in the order of the model."""
    shape = shapes[name]
    if name in seen:
        return
    seen = (*seen, name)
    if shape["type"] == "structure":
        for member, target in shape["members"].items():
            where = f"{path}.{member}".lstrip(".")
            limits = _limits(shapes[target["shape"]])
            if member in shape.get("required", ()):
                limits["required"] = True
            if limits:
                yield where, limits
            yield from members(shapes, target["shape"], where, seen)
    elif shape["type"] in ("list", "map"):
        parts = (("[]", "member"),) if shape["type"] == "list" else (("{key}", "key"), ("{}", "value"))
        for mark, part in parts:
            target = shape[part]["shape"]
            limits = _limits(shapes[target])
            if limits:
                yield path + mark, limits
            yield from members(shapes, target, path + mark, seen)


def _limits(shape):
    limits = {key: shape[key] for key in LIMITS if key in shape}
    if limits and shape["type"] != "string":
        limits["type"] = shape["type"]
    return limits


def extract():
    import botocore.session
    loader = botocore.session.Session().get_component("data_loader")
    found = {}
    for service, operations in calls().items():
        model = loader.load_service_model(FOLDERS.get(service, service), "service-2")
        for operation in operations:
            given = model["operations"].get(operation)
            if given and "input" in given:
                rows = dict(members(model["shapes"], given["input"]["shape"]))
                found.update({f"{service}.{operation}": rows} if rows else {})
    return found


def text(found):
    """JSON with one line for each member."""
    blocks = []
    for call, rows in sorted(found.items()):
        lines = [f"  {json.dumps(path)}: {json.dumps(limits)}" for path, limits in rows.items()]
        blocks.append(f" {json.dumps(call)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


if __name__ == "__main__":
    now = text(extract())
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if FILE.read_text() == now else f"{FILE.name} differs from botocore's models or the calls of the product: run api_models.py")
    FILE.write_text(now)
