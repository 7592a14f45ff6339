"""What the file of a pipeline declares: its inputs, and whether its name shows our build id. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bridge.builders.gitlab_ci.model import BUILD_ID
from bridge.builders.log_text import one_line
from bridge.builders.repository_yaml import yaml_documents

_MAX_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class DeclaredPipeline:
    """`inputs` are declarations by name; `name` is that of pipelines, None where it may stand elsewhere."""

    inputs: Mapping[str, Mapping[str, Any]]
    name: str | None

    @classmethod
    def parse(cls, text: bytes) -> "DeclaredPipeline | None":
        """None for a file that cannot be read: GitLab says why when it starts a pipeline."""
        try:
            documents = yaml_documents(text)
        except ValueError:
            return None
        found = [document for document in documents if isinstance(document, dict)]
        if not found:
            return None
        spec = found[0].get("spec") if len(found) > 1 else None
        inputs = spec.get("inputs") if isinstance(spec, dict) else None
        declared = inputs if isinstance(inputs, dict) else {}
        workflow = found[-1].get("workflow")
        name = workflow.get("name") if isinstance(workflow, dict) else None
        elsewhere = name is None and "include" in found[-1]
        shown = name if isinstance(name, str) else ""
        return cls(
            {str(key): one if isinstance(one, dict) else {} for key, one in declared.items()},
            None if elsewhere else shown,
        )

    def mistakes(self, given: Mapping[str, str]) -> Iterator[str]:
        """What does not go with these inputs, by our names for them."""
        yield from undeclared(given, self.inputs)
        wanted = set(given.values())
        others = [key for key in self.inputs if self.inputs[key].get("type", "string") != "string"]
        if typed := sorted(wanted.intersection(others)):
            yield f"the pipeline takes no text in {', '.join(typed)}: declare them with `type: string`"
        needed = [key for key, one in self.inputs.items() if "default" not in one and key not in wanted]
        if needed:
            shown = ", ".join(one_line(key) for key in sorted(needed)[:_MAX_SHOWN])
            yield f"the pipeline needs {shown}: declare a default, or name them in `inputs`"
        our_id = given.get(BUILD_ID)
        if our_id and self.name is not None and not _shows(self.name, our_id):
            yield (
                f"`workflow: name:` of the pipeline does not show $[[ inputs.{our_id} ]]: without it, a "
                "trigger that was not answered is left to you"
            )


def undeclared(given: Mapping[str, str], declared: Mapping[str, Any] | tuple[str, ...]) -> Iterator[str]:
    """Which of these inputs a pipeline that declares those does not take."""
    if missing := sorted(name for name in given.values() if name not in declared):
        yield (
            f"the pipeline declares no input {', '.join(missing)}: declare it under `spec: inputs:`, or "
            "remove it from `inputs`"
        )


def _shows(name: str, our_input: str) -> bool:
    return re.search(rf"\$\[\[\s*inputs\.{re.escape(our_input)}\s*[|\]]", name) is not None
