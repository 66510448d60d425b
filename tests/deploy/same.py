#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""same.py A B: do two streams of YAML hold the same objects? What only Helm adds does not count."""
import json
import sys

import yaml

HELM = ("app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "helm.sh/chart")


def read(path):
    objects = {}
    with open(path, encoding="utf-8") as file:
        for item in yaml.safe_load_all(file):
            # The release's namespace is made by 'helm install --create-namespace'.
            if not item or item["kind"] in ("Namespace", "Kustomization"):
                continue
            for label in HELM:
                item["metadata"].get("labels", {}).pop(label, None)
            key = f"{item['kind']} {item['metadata']['name']}"
            if key in objects:
                sys.exit(f"{path}: {key} is there twice")
            objects[key] = json.dumps(item, indent=1, sort_keys=True).splitlines()
    return objects


def main():
    import difflib

    left, right = read(sys.argv[1]), read(sys.argv[2])
    if not left:
        sys.exit(f"{sys.argv[1]}: no objects")
    if left.keys() != right.keys():
        sys.exit(f"{sorted(left)} here, {sorted(right)} there")
    differences = [line for key in sorted(left) for line in difflib.unified_diff(left[key], right[key], key, key, n=1)]
    if differences:
        sys.exit("\n".join(differences))
    print(f"{len(left)} objects are the same")


main()
