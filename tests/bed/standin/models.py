"""Strict stand-in: required members, lengths, ranges, patterns and enums of AWS's own API model, as botocore has it."""
import functools

from botocore.loaders import Loader


@functools.cache
def _shapes(service):
    return Loader().load_service_model(service, "service-2")["shapes"]


def check(wrong, shape, value, at, service="events"):
    """Adds to `wrong`, an answers.Constraints, what the model refuses in `value`, a shape of the service."""
    model = _shapes(service)[shape]
    kind, least, most = model["type"], model.get("min"), model.get("max")
    if kind == "structure":
        for name in model.get("required", ()):
            if value.get(name) is None:
                wrong.add("null", f"{at}.{_lower(name)}", "Member must not be null")
        for name, member in model["members"].items():
            if value.get(name) is not None:
                check(wrong, member["shape"], value[name], f"{at}.{_lower(name)}", service)
    elif kind == "list":
        if not (least or 0) <= len(value) <= (most or len(value)):
            bound = f"greater than or equal to {least}" if len(value) < (least or 0) else f"less than or equal to {most}"
            wrong.add("[...]", at, f"Member must have length {bound}")
        for i, item in enumerate(value, 1):
            check(wrong, model["member"]["shape"], item, f"{at}.{i}.member", service)
    elif kind == "map":
        for key, item in value.items():
            check(wrong, model["key"]["shape"], key, f"{at}.{key}.key", service)
            check(wrong, model["value"]["shape"], item, f"{at}.{key}.member", service)
    elif kind == "string":
        # Python's re has no \p{...}: letters, digits and spaces of all scripts are \w and \s.
        pattern = model.get("pattern", "").replace(r"\p{L}\p{Z}\p{N}", r"\w\s") or None
        wrong.text(value, at, pattern=pattern, shortest=least, longest=most)
        wrong.enum(value, at, model.get("enum") or [value])
    elif kind in ("integer", "long"):
        wrong.number(value, at, value if least is None else least, value if most is None else most)


def _lower(name):
    return name[:1].lower() + name[1:]
