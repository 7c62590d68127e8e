"""What parliament, a third party's linter, finds in IAM policies. Runs in an interpreter of its own (policies-requirements.txt).

usage: policies.py < POLICIES       a JSON list of policy documents; prints one line for each finding that is an error
"""
import json
import sys

import parliament

# Advice, no errors: `*` where AWS has no resources or the feature reads what users name, and ARNs compared as text, which IAM allows.
ADVICE = {"RESOURCE_STAR", "MISMATCHED_TYPE_BUT_USABLE", "PERMISSIONS_MANAGEMENT_ACTIONS", "CREDENTIALS_EXPOSURE"}

if __name__ == "__main__":
    for number, policy in enumerate(json.load(sys.stdin)):
        for finding in parliament.analyze_policy_string(json.dumps(policy)).findings:
            if finding.issue not in ADVICE:
                print(f"policy {number}: {finding.issue} {json.dumps(finding.detail)}")
