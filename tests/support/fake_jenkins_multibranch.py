"""Multibranch projects of a fake Jenkins: their jobs come and go with what a scan finds.

A job knows what its Jenkinsfile declares only after a run. That of a branch which is gone stays, disabled,
until a scan finds the branch again.
"""

from dataclasses import dataclass
from typing import Any

from support.fake_jenkins_state import WORKFLOW, Job, Parameter, folder_document

_KIND = f"{WORKFLOW.removesuffix('job.Workflow')}multibranch.WorkflowMultiBranchProject"
_UNSAFE = "%#/?[]\\"


@dataclass(slots=True, eq=False)
class Project:
    """`heads` are the branches and tags that a scan finds, `declares` is what their Jenkinsfile says.

    `scans` counts those that were asked for; one that is `slow` does nothing by itself.
    """

    name: str
    heads: list[str]
    declares: tuple[str, ...]
    may_scan: bool = True
    disabled: bool = False
    slow: bool = False
    scans: int = 0

    def job_name(self, head: str) -> str:
        return self.name + "/" + "".join(f"%{ord(sign):02X}" if sign in _UNSAFE else sign for sign in head)

    def asked(self, jobs: dict[str, Job]) -> int:
        """What the server answers to who asks for a scan."""
        if not self.may_scan or self.disabled:
            return 500 if self.may_scan else 403
        self.scans += 1
        if not self.slow:
            self.scan(jobs)
        return 302

    def scan(self, jobs: dict[str, Job]) -> None:
        """Make the jobs of new branches, and disable those of branches that are gone."""
        found = {self.job_name(head) for head in self.heads}
        for job in jobs.values():
            if job.name.startswith(f"{self.name}/"):
                job.disabled = job.name not in found
        for name in found - jobs.keys():
            jobs[name] = Job(name, pipeline=True, branch=True, declares=tuple(map(Parameter, self.declares)))

    def document(self, root: str, jobs: dict[str, Job]) -> dict[str, Any]:
        own = {"_class": _KIND, "buildable": not self.disabled, "sources": [{}]}
        return folder_document(root, self.name, jobs) | own
