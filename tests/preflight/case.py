"""A case of the preflight: a spec, what there is, the account's images, and all that is said of the plan.

A case is a file in `tests/preflight/cases/`; its name is the rule. `spec`, `inputs` and
`observed` are those of a planning case.

    today: 2026-11-22      the day on which it is planned; that day, where it is left out
    images: [{…}]          instead of IMAGES; `image` is publisher:offer:sku
    takesOthers: true      the account takes images that it does not list
    anyIdentity: true      its pools have every identity
    engine: podman         on the local account, what runs containers there; empty when nothing does
    evaluation: {failed: m}     what Batch says of the autoscale formula; `refused` likewise
    quota: {spot: 4}       the account's quota in cores, of dedicated and Spot nodes (a node has two), where
                           its management plane is known; that makes pools with an identity, too
    packages: {tool 7.1: m}     the content of each of the spec's application packages
    has: {tool 7.1: m}     of each that the account has; empty where it does not tell
    says: |                the findings as text, and a line for each thing not checked or not simulated
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from batchspec.desired.task import Desired, DesiredPackage
from batchspec.plan.actions.package import package_findings, unread_packages
from batchspec.plan.actions.planner import make_plan
from batchspec.plan.checks.formula import Evaluation, formula_findings
from batchspec.plan.checks.local import container_findings
from batchspec.plan.checks.preflight import preflight
from batchspec.plan.checks.quota import Quota, Size, quota_findings
from batchspec.plan.checks.schedulable import unschedulable
from batchspec.plan.checks.unsimulated import unsimulated, unsimulated_findings
from batchspec.plan.model import Plan
from batchspec.render.findings.diagnostics import as_text
from batchspec.resources.base import Json
from batchspec.source import Diagnostic, path_text
from tests.plan.case import desired_of, observed_of

CASES = Path(__file__).parent / "cases"
TODAY = date(2026, 11, 22)
IMAGES = (
    {"image": "canonical:ubuntu-24_04-lts:server", "agent": "batch.node.ubuntu 24.04"},
    {
        "image": "canonical:0001-com-ubuntu-server-jammy:22_04-lts",
        "agent": "batch.node.ubuntu 22.04",
        "end": "2027-06-30T00:00:00Z",
    },
    {"image": "almalinux:almalinux-x86_64:8-gen2", "agent": "batch.node.el 8"},
)


def outcome(case: Mapping[str, Any]) -> str:
    """Everything that is said, as text."""
    desired = desired_of(case)
    desired = replace(desired, packages=tuple(_packages(desired, case.get("packages") or {})))
    observed = observed_of(case.get("observed") or {}, desired)
    has = {tuple(name.split()): content for name, content in (case.get("has") or {}).items()}
    observed = replace(observed, packages=has)
    plan = make_plan(desired, observed)
    images = [_listed(image) for image in case.get("images") or IMAGES]
    found = preflight(
        desired,
        plan,
        images,
        case.get("today") or TODAY,
        pool=observed.pool,
        ending=observed.ending,
        takes_others=case.get("takesOthers", False),
        any_identity=case.get("anyIdentity", False),
        has_management="quota" in case,
    )
    is_local = "engine" in case
    local = container_findings(desired, case["engine"]) if is_local else ()
    alone = unsimulated_findings(desired, observed.pool, plan) if is_local else ()
    packed = package_findings(desired, observed, plan, is_local=is_local)
    formula = formula_findings(desired, Evaluation(**case.get("evaluation", {})))
    quota = _quota(desired, plan, case["quota"]) if "quota" in case else ()
    findings = (
        *found.findings,
        *formula,
        *quota,
        *packed,
        *alone,
        *local,
        *unschedulable(desired, observed, plan),
    )
    not_checked = (*found.not_checked, *unread_packages(desired, observed))
    lines = [f"not checked: {what}\n" for what in not_checked]
    fields = unsimulated(desired) if is_local else ()
    lines += [f"not simulated: {path_text(path)}: {what}  {place}\n" for path, what, place in fields]
    return as_text(findings, color=False, width=80) + "".join(lines)


def _quota(desired: Desired, plan: Plan, quota: Mapping[str, int]) -> Iterator[Diagnostic]:
    known = Quota(quota.get("dedicated", 0), quota.get("spot", 0), None, 100)
    return quota_findings(desired, plan, known, {"standard_d2ds_v5": Size("family", 2)}, ())


def _packages(desired: Desired, contents: Mapping[str, str]) -> Iterator[DesiredPackage]:
    for file in desired.spec.packages:
        yield DesiredPackage(
            file.id, file.version, file.file, 9, contents[f"{file.id} {file.version}"], file.path
        )


def codes(case: Mapping[str, Any]) -> set[str]:
    """The codes of the findings alone."""
    return {
        line.partition("[")[2][:6] for line in outcome(case).splitlines() if line[:5] in ("error", "warni")
    }


def _listed(image: Mapping[str, str]) -> Json:
    """An entry as the account lists it."""
    publisher, offer, sku = image["image"].split(":")
    reference = {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"}
    entry = {"imageReference": reference, "nodeAgentSKUId": image["agent"], "osType": "linux"}
    return {**entry, "batchSupportEndOfLife": image["end"]} if "end" in image else entry
