"""What `plan` and `apply` share: a plan with its id and header, in the forms that people and programs read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from batchspec.plan.identity import plan_digest, plan_id
from batchspec.render.show import page

if TYPE_CHECKING:
    from batchspec.cli.options import Environment
    from batchspec.desired.selection import Selection
    from batchspec.desired.task import Desired
    from batchspec.engine.look.project import Project
    from batchspec.engine.saved_plan import SavedPlan
    from batchspec.language.model import Spec
    from batchspec.plan.model import Plan
    from batchspec.service.connect import Account
    from batchspec.source import Diagnostic


@dataclass(frozen=True)
class Planned:
    """A plan and all that is needed to show it, save it or hold another one against it."""

    account: Account
    project: Project
    desired: Desired
    plan: Plan

    @cached_property
    def digest(self) -> str:
        return plan_digest(self.plan, self.account.name)

    @property
    def id(self) -> str:
        return plan_id(self.digest)

    @property
    def header(self) -> str:
        """Where the plan comes from and where it goes."""
        name = self.desired.spec.document.source.name
        return page([f"spec    {name}", f"target  {self.account.name}"])

    def text(self, *, show_all: bool) -> str:
        from batchspec.render.as_text import plan_text

        text = f"{self.header}\n{plan_text(self.plan, show_all=show_all, warnings=self._warnings)}"
        return f"{text}Plan id: {self.id}\n" if self.plan.has_changes else text

    def json(self) -> Iterator[str]:
        """The plan as one JSON object, in pieces."""
        from batchspec.render.as_json import plan_json

        return plan_json(self.plan, id=self.id, account=self.account.name, warnings=self._warnings)

    def markdown(self) -> str:
        from batchspec.render.as_markdown import plan_markdown

        return plan_markdown(self.plan, self.header, id=self.id, warnings=self._warnings)

    def saved(self, environment: Environment) -> SavedPlan:
        """The plan as a file keeps it."""
        from batchspec.engine.saved_plan import saved_plan

        target = "local" if self.account.is_local else "azure"
        document = json.loads("".join(self.json()))
        files = tuple(map(str, environment.params_files))
        return saved_plan(
            document, self.desired.spec.document.source.name, target, environment.settings, files
        )

    @property
    def _warnings(self) -> tuple[Diagnostic, ...]:
        return self.desired.spec.warnings


def make(account: Account, spec: Spec, project: Project, selection: Selection) -> Planned:
    """The plan of *spec*, which may use the files of *project*, made now."""
    from batchspec.engine.look.observe import plan_now

    return Planned(account, project, *plan_now(account, spec, project, selection))
