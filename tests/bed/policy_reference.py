"""A second evaluator of IAM policies, to compare the operator's with. Written from the IAM user guide alone, and in another way: it
answers for one world, in which every condition key has a value or is absent, and goes through all worlds that are possible. What the
guide leaves open is one more thing that differs from world to world.

  policy_reference.py COUNT SEED    prints random cases, one JSON object a line, each with all decisions that are possible

Pages: reference_policies_elements_*, reference_policies_condition-*, reference_policies_variables, and
reference_policies_evaluation-logic of https://docs.aws.amazon.com/IAM/latest/UserGuide/.
"""
import json
import random
import re
import sys

ACCOUNT, OTHER = "111122223333", "999988887777"
RULE = f"arn:aws:events:eu-west-1:{ACCOUNT}:rule/b/r"
QUEUE = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:orders"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app/sender"
SERVICE = "events.amazonaws.com"
ABSENT = object()


class World:
    """Answers open questions. Each run of an evaluation asks in the same order, so that the answers can be counted through."""
    def __init__(self, known, possible):
        self.known, self.possible, self.answers, self.asked, self.seen = known, possible, [], [], {}

    def choose(self, question, options):
        if question not in self.seen:
            at = len(self.asked)
            if at == len(self.answers):
                self.answers.append(0)
            self.asked.append(len(options))
            self.seen[question] = options[self.answers[at]]
        return self.seen[question]

    def key(self, name):
        name = name.lower()
        if name in self.known:
            return self.known[name]
        return self.choose(("key", name), self.possible.get(name, [ABSENT, ["?"]]))

    def open(self, *question):
        return self.choose(("open", *question), [False, True])

    def next(self):
        """Moves on to the next world; False after the last one."""
        self.answers = self.answers[:len(self.asked)]
        while self.answers and self.answers[-1] + 1 == self.asked[len(self.answers) - 1]:
            self.answers.pop()
        if not self.answers:
            return False
        self.answers[-1] += 1
        self.asked, self.seen = [], {}
        return True


def as_list(value):
    return value if isinstance(value, list) else [value]


def text(value):
    return value if isinstance(value, str) else json.dumps(value)


def wild(pattern, value):
    """`pattern` is a list of (character, is special)."""
    regex = "".join(".*" if (c, s) == ("*", True) else "." if (c, s) == ("?", True) else re.escape(c) for c, s in pattern)
    return re.fullmatch(regex, value, re.S) is not None


def characters(template, world, version, special):
    """The text with its variables replaced; None: a variable has no value."""
    plain = [(c, special) for c in template]
    if "${" not in template or (version or "2008-10-17") != "2012-10-17":
        return plain
    out, rest = [], template
    while (found := re.search(r"\$\{([^}]*)\}", rest)) is not None:
        out += [(c, special) for c in rest[:found.start()]]
        name, _, default = found[1].partition(",")
        if name in ("*", "?", "$"):
            value = name
        else:
            values = world.key(name.strip())
            if values is ABSENT or values == []:
                if not default:
                    return None
                value = default.strip().strip("'")
            elif len(values) > 1:
                return [(c, False) for c in "?"] if world.open("variable", name) else None
            else:
                value = values[0]
        out += [(c, False) for c in value]
        rest = rest[found.end():]
    return out + [(c, special) for c in rest]


def split(pattern):
    parts = [[]]
    for item in pattern:
        if item[0] == ":" and len(parts) < 6:
            parts.append([])
        else:
            parts[-1].append(item)
    return parts


def matches(operator, wanted, value, world, version):
    kind = operator.replace("Not", "")
    if kind == "Bool":
        if wanted.lower() == value.lower() and wanted != value:
            return world.open("bool", wanted)
        return wanted == value
    if kind.startswith("Numeric"):
        left, right = float(value), float(wanted)
        return {"NumericEquals": left == right, "NumericLessThan": left < right, "NumericGreaterThanEquals": left >= right}[kind]
    pattern = characters(wanted, world, version, kind in ("StringLike", "ArnLike", "ArnEquals"))
    if pattern is None:
        return None
    if kind == "StringEqualsIgnoreCase":
        return "".join(c for c, _ in pattern).lower() == value.lower()
    if kind in ("StringEquals", "StringLike"):
        return wild(pattern, value)
    parts, values = split(pattern), value.split(":", 5)
    if len(values) < 6:
        return world.open("no ARN", wanted, value)
    if len(parts) < 6:
        return wild(pattern, value) and world.open("short ARN", wanted)
    return all(wild(part, one) for part, one in zip(parts, values))


def holds(name, key, wanted, world, statement):
    version = statement.get("Version")
    quantifier, _, operator = name.rpartition(":")
    values = world.key(key)
    if operator == "Null":
        absent = values is ABSENT or values == []
        return any((one == "true") == absent for one in wanted)
    if_exists = operator.endswith("IfExists")
    operator = operator.removesuffix("IfExists")
    negated = "Not" in operator
    if values is ABSENT or values == []:
        if quantifier == "ForAllValues":
            return True
        if quantifier == "ForAnyValue":
            return if_exists and world.open("any if exists", key)
        return if_exists or negated
    if not quantifier and len(values) > 1:
        return world.open("several values", name, key)

    def one(value):
        found = [matches(operator, text(w), value, world, version) for w in wanted]
        # The guide calls a variable without a value non-matching. What that means for a negation or a denial is open.
        if negated or statement["Effect"] == "Deny":
            found = [world.open("no variable", name, key, text(w)) if f is None else f for w, f in zip(wanted, found)]
        return any(found) != negated
    return (any if quantifier == "ForAnyValue" else all)(one(value) for value in values)


def principal_fits(statement, who, world):
    element, negative = ("Principal", False) if "Principal" in statement else ("NotPrincipal", True)
    named = statement.get(element)
    kind, name = who
    if negative and kind == "Role" and any(ACCOUNT in one for one in as_list((named or {}).get("AWS", []))):
        return world.open("session")
    if named is None:
        return False
    fits = False
    if named == "*" or "*" in as_list(named.get("AWS", [])):
        fits = True
    elif kind == "Service":
        services = as_list(named.get("Service", []))
        fits = name in services or any(one.startswith("events.") and world.open("regional", one) for one in services)
    else:
        listed = as_list(named.get("AWS", []))
        account = [ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"]
        fits = name in listed or (statement["Effect"] == "Deny" and any(one in account for one in listed))
    return fits != negative


def resource_fits(statement, resource, world):
    element, negative = ("Resource", False) if "Resource" in statement else ("NotResource", True)
    if element not in statement:
        return True
    found = []
    for one in as_list(statement[element]):
        pattern = characters(one, world, statement.get("Version"), True)
        if pattern is None:
            found.append(world.open("no variable in a resource", one) if statement["Effect"] == "Deny" or negative else False)
            continue
        parts = split(pattern)
        whole = wild(pattern, resource)
        by_part = all(wild(part, value) for part, value in zip(parts, resource.split(":", 5)))
        if one == "*" or by_part:
            found.append(True)
        else:
            found.append(whole and world.open("beyond its part", one))
    return any(found) != negative


def action_fits(statement, action):
    element, negative = ("Action", False) if "Action" in statement else ("NotAction", True)
    found = any(wild([(c, True) for c in one.lower()], action.lower()) for one in as_list(statement.get(element, [])))
    return found != negative


def applies(statement, case, who, world):
    if not action_fits(statement, case["action"]):
        return False
    if who is not None and not principal_fits(statement, who, world):
        return False
    if not resource_fits(statement, case["resource"], world):
        return False
    conditions = statement.get("Condition") or {}
    return all(holds(operator, key, as_list(values), world, statement)
               for operator, keys in conditions.items() for key, values in keys.items())


def in_world(case, who, world):
    effects = {statement["Effect"] for statement in case["statements"] if applies(statement, case, who, world)}
    return "Denied" if "Deny" in effects else "Allowed" if "Allow" in effects else "Silent"


def decisions(case, possible):
    """All decisions that are possible."""
    known = {key.lower(): ABSENT if value is None else as_list(value) for key, value in case["context"].items()}
    who = None if case.get("kind") == "role" else ("Role", case["role"]) if "role" in case else ("Service", SERVICE)
    world, found = World(known, possible), set()
    for _ in range(5000):
        found.add(in_world(case, who, world))
        if len(found) == 3 or not world.next():
            break
    return sorted(found)


KEYS = {
    "aws:SourceArn": [[RULE], [RULE + "2"], ABSENT],
    "aws:SourceAccount": [[ACCOUNT], [OTHER], ABSENT],
    "aws:PrincipalTag/team": [["Blue"], ["blue"], ["B*"], ABSENT],
    "aws:TagKeys": [["env", "team"], ["env"], [], ABSENT],
    "aws:SecureTransport": [["true"], ["false"]],
    "s3:max-keys": [["10"], ["11"], ABSENT],
}
VALUES = {
    "aws:SourceArn": [RULE, RULE + "2", "arn:aws:events:*:*:rule/b/*", "arn:aws:events:*", "arn:aws:*:rule/b/r", "*",
                      "arn:aws:events:*:${aws:SourceAccount}:rule/*", "arn:aws:events:eu-west-?:111122223333:rule/*"],
    "aws:SourceAccount": [ACCOUNT, OTHER, "1111*", "${aws:PrincipalTag/team}"],
    "aws:PrincipalTag/team": ["Blue", "blue", "B*", "*", "Bl${*}", "B${*}", "${aws:PrincipalTag/team}", "${aws:PrincipalTag/squad, 'Blue'}", "Bl?e"],
    "aws:TagKeys": ["env", "team", "owner", "e*"],
    "aws:SecureTransport": ["true", "false", True, False, "True"],
    "s3:max-keys": ["10", "9", 11],
}
STRINGS = ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"]
OPERATORS = {
    "aws:SourceArn": ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", *STRINGS],
    "aws:SecureTransport": ["Bool"],
    "s3:max-keys": ["NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericGreaterThanEquals"],
}
ACTIONS = ["sqs:SendMessage", "SQS:sendmessage", "sqs:*", "*", "sqs:Receive*", "sns:Publish", "sqs:Send*", "sqs:SendMessag?"]
RESOURCES = [QUEUE, QUEUE + "2", "*", "arn:aws:sqs:*:*:ord*", "arn:aws:sqs", "arn:aws:sqs:*:orders", "arn:aws:sns:*", "arn:*:orders",
             f"arn:aws:sqs:*:{ACCOUNT}:*", "arn:aws:sqs:*:*:${aws:PrincipalTag/team}*"]
PRINCIPALS = ["*", {"AWS": "*"}, {"Service": SERVICE}, {"Service": [SERVICE, "sns.amazonaws.com"]}, {"Service": "sns.amazonaws.com"},
              {"AWS": ACCOUNT}, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, {"AWS": OTHER}, {"AWS": [ROLE, OTHER]}, {"AWS": ROLE + "2"},
              {"Service": "events.eu-west-1.amazonaws.com"}]


def some(rng, values):
    picked = rng.sample(values, min(len(values), rng.choice([1, 1, 2, 3])))
    return picked[0] if len(picked) == 1 and rng.random() < 0.6 else picked


def condition(rng):
    made = {}
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        key = rng.choice(list(KEYS))
        operator = rng.choice(OPERATORS.get(key, STRINGS))
        if rng.random() < 0.15:
            operator = "Null"
        else:
            prefix = rng.choice(["ForAllValues:", "ForAnyValue:"]) if rng.random() < (0.8 if key == "aws:TagKeys" else 0.15) else ""
            operator = prefix + operator + ("IfExists" if rng.random() < 0.25 else "")
        values = some(rng, ["true", "false"]) if operator == "Null" else some(rng, VALUES[key])
        made.setdefault(operator, {})[key if rng.random() < 0.7 else key.upper()] = values
    return made


def statement(rng, number, role):
    made = {"Sid": f"s{number}", "Version": rng.choice(["2012-10-17", "2012-10-17", "2008-10-17"]), "Effect": rng.choice(["Allow", "Allow", "Deny"])}
    made["NotAction" if rng.random() < 0.15 else "Action"] = some(rng, ACTIONS)
    made["NotResource" if rng.random() < 0.15 else "Resource"] = some(rng, RESOURCES)
    if not role:
        made["NotPrincipal" if rng.random() < 0.1 else "Principal"] = rng.choice(PRINCIPALS)
        if "NotPrincipal" in made and (made["NotPrincipal"] == "*" or "*" in made["NotPrincipal"].get("AWS", [])):
            made["Principal"] = made.pop("NotPrincipal")
    if rng.random() < 0.7:
        made["Condition"] = condition(rng)
    return made


def case(rng):
    kind = rng.choice(["service", "service", "role", "session"])
    made = {"action": "sqs:SendMessage", "resource": QUEUE, "context": {}}
    if kind != "service":
        made["role"] = ROLE
    if kind == "role":
        made["kind"] = "role"
    made["statements"] = [statement(rng, n, kind == "role") for n in range(rng.choice([1, 1, 2, 3, 4]))]
    possible = {key.lower(): values for key, values in KEYS.items()}
    for key, values in KEYS.items():
        if rng.random() < 0.75:
            value = rng.choice(values)
            made["context"][key] = None if value is ABSENT else value
    made["possible"] = decisions(made, possible)
    return made


if __name__ == "__main__":
    generator = random.Random(int(sys.argv[2]))
    for _ in range(int(sys.argv[1])):
        print(json.dumps(case(generator)))
