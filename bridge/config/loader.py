"""Loads `bridge.yaml` into one immutable `Config`, or reports every fault of the file."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from bridge.config.channels import common, states_of
from bridge.config.document import Document, Loc, read_documents, shown, value_at
from bridge.config.fallbacks import fallbacks_on_one_robot, faulty_fallbacks, hasty_fallbacks
from bridge.config.faults import faults_of, in_order, suggest_or_list
from bridge.config.kinds import Kinds
from bridge.config.named import Entry, doubled_people, entries_of, faulty_contacts, unknown_kinds
from bridge.config.notices import NoticeSetting, Unresolved
from bridge.config.outline import MESSAGE_KIND, Outline
from bridge.config.pools import events_of_pools, faulty_pools, named_pools, one_robot_twice
from bridge.config.secrecy import SecretWarnings
from bridge.config.settings import ApiSettings, NoticesSettings, Settings, SourceSettings
from bridge.config.store import StoreSettings
from bridge.config.types import Secret, SecretContext
from bridge.config.words import nearest
from bridge.errors import ConfigError, Fault
from bridge.model.notice import MESSAGE_CHANNEL, Subscription
from bridge.runtime.disk import file_state
from bridge.runtime.git.access import CloneAccess

_HOOKS: Final = re.compile(r"/hooks(?:/[^/]*)?$")
_DEFAULT_PATHS: Final = (Path("bridge.yaml"), Path("/etc/buildbridge/bridge.yaml"))

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ConfiguredAdapter:
    """A configured builder or channel: `settings` is of the model that its kind brings.

    `place` is `file:line:column`. `server` is the name of the builder whose server this one is on.
    """

    kind: str
    settings: BaseModel
    place: str
    server: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(Outline):
    """A valid configuration; immutable.

    `builders` keep the order of the file. `secrets` are all values that must never be shown.
    `default_notices` have channel, type and events set.
    """

    builders: Mapping[str, ConfiguredAdapter]
    channels: Mapping[str, ConfiguredAdapter]
    default_notices: tuple[NoticeSetting, ...]
    secrets: frozenset[str] = field(repr=False)
    warnings: tuple[Fault, ...]

    @property
    def clone_access(self) -> dict[str, CloneAccess]:
        """What sources have for their private code, by their names."""
        sources = self.settings.sources.items()
        return {name: source.clone.access(name) for name, source in sources if source.clone}

    @property
    def watchers(self) -> list[Subscription]:
        """What the default notices are, which hear of the bridge itself, too."""
        return [one.subscription for one in self.default_notices]

    @property
    def fallbacks(self) -> dict[str, str]:
        """The channels that get the notices of others that are out of order, by those."""
        found = {name: common(one.settings).fallback for name, one in self.channels.items()}
        return {name: other for name, other in found.items() if other is not None}

    def language_of(self, channel: str) -> Literal["zh-CN", "en"]:
        """The language of the channel's notices."""
        return common(self.channels[channel].settings).language or self.settings.language


def find_config(option: str | None, environ: Mapping[str, str]) -> Path:
    """The file to read: the option, else $BRIDGE_CONFIG, else the default paths. Raises ConfigError."""
    if given := option or environ.get("BRIDGE_CONFIG"):
        return Path(given)
    for path in _DEFAULT_PATHS:
        if path.is_file():
            return path
    problem = (
        "does not exist, nor does /etc/buildbridge/bridge.yaml: name the file with --config or $BRIDGE_CONFIG"
    )
    raise ConfigError([Fault(str(_DEFAULT_PATHS[0]), "", problem)])


def load_config(
    path: Path, kinds: Kinds, environ: Mapping[str, str], opened: dict[Path, object] | None = None
) -> Config:
    """Load the whole configuration. Raises ConfigError with every fault of the file.

    `opened` gets every file that was read, with its state before that; also of a configuration with faults.
    """
    opened = {} if opened is None else opened
    opened[path] = file_state(path)
    context = SecretContext(dict(kinds.forges), environ=environ, base=path.parent, opened=opened)
    return _Loading(path, kinds, context).config()


def load_readable(path: Path, kinds: Kinds, environ: Mapping[str, str]) -> tuple[Config, Sequence[Fault]]:
    """Load what can be read here, with a warning for each secret that perhaps only the daemon can read.

    Builders and channels with such a secret are left out. Raises ConfigError with every other fault.
    """
    return _reading(path, kinds, environ).readable()


def load_outline(path: Path, kinds: Kinds, environ: Mapping[str, str]) -> Outline:
    """Load what needs no secret but that of the store; builders and channels are not validated.

    Raises ConfigError.
    """
    unread = SecretContext(dict(kinds.forges), environ=environ, base=path.parent, unread=True)
    return _Loading(path, kinds, unread).outline()


def load_api_keys(path: Path, kinds: Kinds, environ: Mapping[str, str]) -> tuple[Secret, ...]:
    """Load `api.keys`; no other secret is looked up. Raises ConfigError."""
    return _reading(path, kinds, environ).api_keys()


def load_clone(path: Path, kinds: Kinds, environ: Mapping[str, str], source: str) -> CloneAccess | None:
    """Load `clone` of a source; no other secret is looked up. Raises ConfigError."""
    found = _reading(path, kinds, environ).source(source, "clone", without="api")
    return found.clone.access(source) if found and found.clone else None


def load_host_api(path: Path, kinds: Kinds, environ: Mapping[str, str], name: str) -> SourceSettings | None:
    """Load a source that has `api`, with it and its first secret, and no other. Raises ConfigError."""
    return _reading(path, kinds, environ).source(name, "api", without="clone")


def _reading(path: Path, kinds: Kinds, environ: Mapping[str, str]) -> "_Loading":
    return _Loading(path, kinds, SecretContext(dict(kinds.forges), environ=environ, base=path.parent))


class _Loading:
    """One loading of the file; it collects faults and warnings."""

    def __init__(self, path: Path, kinds: Kinds, context: SecretContext) -> None:
        self._path = path
        self._kinds = kinds
        self._context = context
        self._document = _only_document(path)
        self._faults = list(self._document.faults)

    def outline(self) -> Outline:
        settings = self._validate(Settings, self._document.data, ())
        self._check_names()
        if settings is not None and settings.store.password is not None:
            self._context = replace(self._context, unread=False)
            store = self._validate(StoreSettings, value_at(self._document.data, ("store",)), ("store",))
            settings = settings.model_copy(update={"store": store})
        if self._faults or settings is None:
            raise ConfigError(in_order(self._faults))
        return Outline(file=self._path, settings=settings)

    def api_keys(self) -> tuple[Secret, ...]:
        keys = value_at(self._document.data, ("api", "keys"))
        settings = self._validate(ApiSettings, {} if keys is None else {"keys": keys}, ("api",))
        if self._faults or settings is None:
            raise ConfigError(in_order(self._faults))
        return settings.keys

    def source(self, source: str, part: str, *, without: str) -> SourceSettings | None:
        entry = value_at(self._document.data, ("sources", source))
        if not isinstance(entry, dict) or part not in entry:
            return None
        # Of its secrets only those of the part are needed, and often no other can be read.
        given = entry.get("secrets") if part == "api" else ["unread"]
        first = {"secrets": given[:1]} if isinstance(given, list) else {}
        settings = self._validate(SourceSettings, {**entry, **first, without: None}, ("sources", source))
        if self._faults or settings is None:
            raise ConfigError(in_order(self._faults))
        return settings

    def config(self) -> Config:
        config, unread = self.readable()
        if unread:
            raise ConfigError(in_order(unread))
        return config

    def readable(self) -> tuple[Config, Sequence[Fault]]:
        settings = self._validate(Settings, self._document.data, ())
        builders = self._builders()
        channels = self._channels()
        self._check_names()
        self._check_templates(channels)
        targets = {name: self._kinds.targets[one.kind](one.settings) for name, one in channels.items()}
        self._faults += one_robot_twice(self._document, targets)
        self._faults += fallbacks_on_one_robot(self._document, targets)
        lifetimes = {name: common(one.settings).ttl for name, one in channels.items()}
        self._faults += hasty_fallbacks(self._document, lifetimes)
        notices = self._notices(channels)
        if not all(fault.warning for fault in self._faults):
            raise ConfigError(in_order(self._faults))
        if settings is None:
            unread = replace(self._context, unread=True)
            settings = Settings.model_validate(self._document.data, context=unread)
        config = Config(
            file=self._path,
            settings=settings,
            builders=builders,
            channels=channels,
            default_notices=notices,
            secrets=frozenset(self._context.found),
            warnings=tuple(self._warnings(settings, builders, channels)),
        )
        return config, tuple(self._faults)

    def _validate(self, model: type[_Model], data: object, loc: Loc) -> _Model | None:
        try:
            return model.model_validate(data, context=self._context)
        except ValidationError as error:
            self._faults += faults_of(error, model, self._document, loc)
            return None

    def _adapters(
        self, section: str, entries: Iterable[Entry], kinds: Mapping[str, type[BaseModel]]
    ) -> dict[str, ConfiguredAdapter]:
        found = {}
        for name, kind, rest in entries:
            if kind not in kinds:
                problem = f"there is no kind {kind} of {section}{suggest_or_list(kind, kinds)}"
                self._fault((section, name, "kind"), problem)
            elif (settings := self._validate(kinds[kind], rest, (section, name))) is not None:
                found[name] = ConfiguredAdapter(kind, settings, self._document.place((section, name)))
        return found

    def _builders(self) -> dict[str, ConfiguredAdapter]:
        """The builders in the order of the file; one on the server of another has its settings."""
        entries = [one for one in entries_of(self._document.data, "builders") if "server" not in one[2]]
        found = self._adapters("builders", entries, self._kinds.builders)
        servers = {name: (kind, rest) for name, kind, rest in entries}
        for name, server, own in entries_of(self._document.data, "builders", "server"):
            loc = ("builders", name)
            if server not in servers:
                problem = f"there is no builder {server} with a kind{suggest_or_list(server, servers)}"
                self._fault((*loc, "server"), problem)
            elif server in found and "kind" not in own:
                kind, shared = servers[server]
                if (settings := self._validate(self._kinds.builders[kind], shared | own, loc)) is not None:
                    found[name] = ConfiguredAdapter(kind, settings, self._document.place(loc), server)
        data = value_at(self._document.data, ("builders",))
        return {name: found[name] for name in data if name in found} if isinstance(data, dict) else {}

    def _channels(self) -> dict[str, ConfiguredAdapter]:
        entries = entries_of(self._document.data, "channels")
        found = self._adapters("channels", entries, self._kinds.channels)
        place = self._document.place(("channels",))
        implicit = ConfiguredAdapter(MESSAGE_KIND, self._kinds.channels[MESSAGE_KIND](), place)
        if found.setdefault(MESSAGE_CHANNEL, implicit).kind != MESSAGE_KIND:
            self._fault(
                ("channels", MESSAGE_CHANNEL), "this name belongs to the in-app messages: choose another"
            )
        return found

    def _check_names(self) -> None:
        self._faults += faulty_contacts(self._document, self._kinds.contacts)
        self._faults += doubled_people(self._document)
        self._faults += unknown_kinds(self._document, self._context.forges)
        self._faults += faulty_fallbacks(self._document, self._kinds.channels)
        self._faults += faulty_pools(self._document, self._kinds.channels)

    def _check_templates(self, channels: Mapping[str, ConfiguredAdapter]) -> None:
        for name, channel in channels.items():
            for event, template in common(channel.settings).templates.items():
                for part, offset, problem in self._kinds.template_faults(template, event):
                    loc = ("channels", name, "templates", event.value, part)
                    self._faults.append(self._document.fault_within(loc, offset, problem))

    def _notices(self, channels: Mapping[str, ConfiguredAdapter]) -> tuple[NoticeSetting, ...]:
        notices = self._validate(
            NoticesSettings, value_at(self._document.data, ("notices",)) or {}, ("notices",)
        )
        named = {name: channel.kind for name, channel in channels.items()}
        # A channel with faults of its own still exists: one mistake is one fault.
        named |= {name: kind for name, kind, _ in entries_of(self._document.data, "channels")}
        states = {name: states_of(type(channel.settings)) for name, channel in channels.items()}
        own = {
            name: common(channel.settings).enabled_event_type_names or states[name]
            for name, channel in channels.items()
        }
        members = named_pools(self._document.data).items()
        pools = {name: [one for _, one in listed] for name, listed in members if listed}
        events = {name: names for name, names in own.items() if names}
        events |= events_of_pools(pools, events)
        whole = [name for name, needed in states.items() if needed]
        found = []
        for index, notice in enumerate(notices.default if notices else ()):
            try:
                found.append(notice.resolve(named, events, whole, pools))
            except Unresolved as error:
                if not self._is_unread(notice.channel):
                    self._fault(("notices", "default", index, error.key), str(error))
        return tuple(found)

    def _is_unread(self, channel: str | None) -> bool:
        """Whether the channel may be there, in what has a fault already: one mistake is one fault."""
        data = self._document.data
        if isinstance(entries := value_at(data, ("channels",)), dict):
            return channel in entries
        others = data.keys() - Settings.model_fields if isinstance(data, dict) else ()
        return entries is not None or any(nearest(key, ["channels"]) for key in others)

    def _fault(self, loc: Loc, problem: str) -> None:
        self._faults.append(self._document.fault(loc, problem))

    def _warnings(self, settings: Settings, *adapters: Mapping[str, ConfiguredAdapter]) -> Iterator[Fault]:
        secrets = SecretWarnings(self._document, self._context)
        yield from secrets.of(settings)
        for section, found in zip(("builders", "channels"), adapters, strict=True):
            for name, adapter in found.items():
                yield from secrets.of(adapter.settings, (section, name))
        yield from secrets.on_the_way(settings)
        if unused := settings.store.problem:
            yield self._document.fault(("store", "url"), unused, warning=True)
        public_url = settings.server.public_url or ""
        problem = ""
        if hook := _HOOKS.search(public_url):
            problem = f"holds the path of a hook, which the bridge adds by itself: leave {hook[0]} out"
        elif path := urlsplit(public_url).path:
            problem = f"has the path {path}, below which pages do not work: give the bridge its own host name"
        if problem:
            yield self._document.fault(("server", "public_url"), problem, warning=True)
        if not settings.sources:
            yield self._document.fault(
                (), "no sources are configured: no host can send deliveries", warning=True
            )


def _only_document(path: Path) -> Document:
    documents = read_documents(path)
    if not documents:
        raise ConfigError([Fault(shown(path), "", "is empty")])
    if len(documents) > 1:
        raise ConfigError([documents[1].fault((), "a second document begins here: only one is allowed")])
    return documents[0]
