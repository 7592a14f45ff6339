"""Templates of notices: with faults in them, of much work, and such as are refused."""

from typing import Final

from bridge.channels.templates.worded import faults_of
from bridge.config.templates import NoticeTemplate
from bridge.model.notice import EventName

LOOPS: Final = "{% for a in images %}{% for b in images %}%s{% endfor %}{% endfor %}"
WORK: Final = {
    "doubled texts": "{{ " + "~".join(["(reason ~ reason)"] * 100) + " }}",
    "texts in loops": LOOPS.replace("%s", "{{ reason ~ reason ~ reason }}" * 100),
    "loops without a word": LOOPS.replace("%s", "{% if reason ~ a ~ b in reason %}{% endif %}" * 50),
    "loops over loops": LOOPS.replace("%s", "{% if a %}{% endif %}") * 30,
    "searches": LOOPS.replace("%s", ("{% if '" + "d" * 300 + "e' in reason %}{% endif %}") * 11),
    "replaced by more": "{{ reason" + " | replace('d', reason)" * 14 + " }}",
    "replaced in loops": LOOPS.replace("%s", "{% if reason | replace('d', reason) == a %}{% endif %}" * 45),
    "lists in loops": LOOPS.replace("%s", "{% if " + "~".join(["images"] * 290) + " == a %}{% endif %}"),
    "lists of lists in loops": LOOPS.replace(
        "%s", "{% if [" + ",".join([f"[{','.join(['images'] * 20)}]"] * 20) + "] | join == a %}{% endif %}"
    ),
    "joined by more": "{{ [reason, reason] | join(images | join(reason)) | upper }}",
    "lists of lists": "{{ " + "[tail, " * 10 + "tail" + "]" * 10 + " }}",
    "long literals": LOOPS.replace("%s", "{{ ('" + "y" * 3800 + "' | trim)[:1] }}"),
    "letters that grow": LOOPS.replace("%s", "{{ '" + "ß" * 1800 + "' | upper | length == 1 }}"),
}
REFUSED: Final = {
    "multiplied texts": "{{ 'a' * 999999999 }}",
    "powers": "{{ 9 ** 9 ** 9 ** 9 }}",
    "formats": "{{ '%099999999d' % 1 }}",
    "format of a text": "{{ '{:999999999}'.format(1) }}",
    "filters of the library": "{{ 'a' | center(999999999) }}",
    "indents": "{{ tail | indent(999999) }}",
    "xmlattr": "{{ 'a' | xmlattr }}",
    "pprint": "{{ 'a' | pprint }}",
    "attr": "{{ 'a' | attr('__class__') }}",
    "map": "{{ tail | map('upper') }}",
    "ranges": "{% for i in range(999999999) %}{% endfor %}",
    "doubling by set": "{% set a = reason %}" + "{% set a = a ~ a %}" * 60,
    "blocks of set": "{% set a %}x{% endset %}",
    "namespaces": "{{ namespace() }}",
    "cyclers": "{{ cycler('a').next() }}",
    "joiners": "{{ joiner()() }}",
    "lipsum": "{{ lipsum(9999) }}",
    "recursive loops": "{% for i in tail recursive %}{{ loop(tail) }}{% endfor %}",
    "loops in loops in loops": LOOPS.replace("%s", "{% for c in tail %}{% endfor %}"),
    "a loop over itself": "{% for a in tail %}{% for b in loop %}{% endfor %}{% endfor %}",
    "deep brackets": "{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}",
    "deep lists": "{{ " + "[" * 2000 + "]" * 2000 + " }}",
    "deep negations": "{{ " + "not " * 1000 + "1 }}",
    "deep signs": "{{ " + "-" * 4000 + "1 }}",
    "deep conditions": "{{ " + "1 if 1 else " * 330 + "1 }}",
    "deep blocks": "{% if 1 %}" * 190 + "{% endif %}" * 190,
    "deep items": "{{ tail" + "[0]" * 1300 + " }}",
    "deep parts": "{{ tail" + ".a" * 2000 + " }}",
    "deep calls": "{{ link" + "()" * 2000 + " }}",
    "long chains": "{{ ref" + "|upper" * 300 + " }}",
    "long sums": "{{ " + "1 and " * 250 + "1 }}",
    "large numbers": "{{ " + "9" * 4000 + " }}",
    "large numbers in hexadecimal": "{{ 0x" + "f" * 4000 + " }}",
    "many tags": "{%if 1%}{%endif%}" * 240,
    "imports": "{% from '/etc/passwd' import x %}",
    "classes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "globals": "{{ link.__globals__ }}",
    "the context": "{{ self._TemplateReference__context }}",
    "unfinished": "{{ '" + "\\" * 4000,
    "many unfinished": "{{" * 2000,
    "comments": "{#" * 2000,
}

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
