"""Templates of notices with faults in them."""

from bridge.channels.templates.worded import faults_of
from bridge.config.templates import NoticeTemplate
from bridge.model.notice import EventName

CONFIG = """\
channels:
  team:
    kind: DING_TALK
    url: https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef
    templates:
      buildJobFail:
        title: "{{ ref }} {{ reff }}"
        body: |
          {{ status }}
          {% for image in images %}
            {{ image | jion }}
          {% endfor %}
      serviceDegraded: {body: '{{ part }} {{ subject }}'}
"""


def fault(source: str, event: EventName = EventName.FAIL) -> tuple[str, str]:
    """What stands at the place of the only fault, and the problem."""
    ((part, found),) = faults_of(NoticeTemplate(body=source), event)
    assert part == "body"
    return source[found.offset :][:12], found.problem
