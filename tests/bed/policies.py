"""What parliament, a third party's linter, finds in IAM policies. Runs in an interpreter of its own (policies-requirements.txt).

usage: policies.py < POLICIES       a JSON list of policy documents; prints one line for each finding that is an error
"""
import json
import sys

import parliament

# Advice, no errors: `*` where AWS has no resources or the feature reads what users name, ARNs compared as text, which IAM allows, and the
# right to write the policy of a bucket, which AWS requires for a log delivery to it (docs/aws-facts.md, LD8).
ADVICE = {"RESOURCE_STAR", "MISMATCHED_TYPE_BUT_USABLE", "PERMISSIONS_MANAGEMENT_ACTIONS", "CREDENTIALS_EXPOSURE", "RESOURCE_POLICY_PRIVILEGE_ESCALATION"}
# Actions that are newer than the linter's list (docs/aws-facts.md, LD8).
NEWER = {"events:AllowVendedLogDeliveryForResource"}

if __name__ == "__main__":
    for number, policy in enumerate(json.load(sys.stdin)):
        for finding in parliament.analyze_policy_string(json.dumps(policy)).findings:
            is_newer = finding.issue == "UNKNOWN_ACTION" and any(str(finding.detail).endswith(f" {action}") for action in NEWER)
            if finding.issue not in ADVICE and not is_newer:
                print(f"policy {number}: {finding.issue} {json.dumps(finding.detail)}")
