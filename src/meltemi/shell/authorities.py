"""The authorities that a mesh has, and which of them are in force: kept before anybody is told.

Place:  shell · ports/keys ⇄ [authorities] ⇄ servers/ca; `meltemi ca plug` where no mesh runs
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import random_serial_number

from meltemi.core.identity.authority import Authority, Parts, load
from meltemi.core.identity.certificate import self_signed_root
from meltemi.core.identity.refusal import Refusal
from meltemi.core.identity.rotation import Rotation, Trust, back, forward
from meltemi.ports.keys import Keys

log: Any = structlog.get_logger(__name__)

ROTATION = "rotation.json"
"""The Rotation in force."""
PREFIX, SUFFIX = "authority-", ".json"
"""An authority, as Parts: `authority-HASH.json`. None is ever removed: a root that was made is never lost."""


class AuthorityError(Exception):
    """What was asked for is not possible; the text says why."""


class Authorities:
    """Changes are made one at a time, and kept before they are told. `changed` is set, and made anew, by each."""

    def __init__(self, keys: Keys, *, now: Callable[[], datetime]) -> None:
        self._keys = keys
        self._now = now
        self._lock = asyncio.Lock()
        self._loaded: dict[str, Authority] = {}
        self._rotation = Rotation(old="")
        self._trust = Trust(roots=(), signer="")
        self.changed = asyncio.Event()

    async def open(self, organization: str) -> None:
        """Read what is kept; make a root where nothing is. Raises AuthorityError: a root is never made over one."""
        async with self._lock:
            kept = await self._keys.read(ROTATION)
            if kept is not None:
                await self._use(_decoded(kept))
            else:
                await self._keep(Rotation(old=await self._first(organization)))

    @property
    def rotation(self) -> Rotation:
        """The step in force."""
        return self._rotation

    @property
    def signer(self) -> Authority:
        """Who signs."""
        return self._loaded[self._rotation.signer]

    @property
    def trusted(self) -> tuple[Authority, ...]:
        """Whose roots are trusted."""
        return tuple(self._loaded[name] for name in self._rotation.trusted)

    @property
    def trust(self) -> Trust:
        """What everybody is told."""
        return self._trust

    async def forward(self, candidate: Parts | None = None) -> Rotation:
        """One step of a rotation; where one begins, to `candidate`, or to a root made now. Raises AuthorityError."""
        async with self._lock:
            if candidate is not None and not self._rotation.resting:
                raise AuthorityError("a rotation is under way: end it or take it back, then begin the next")
            name = await self._candidate(candidate) if self._rotation.resting else ""
            await self._keep(forward(self._rotation, name))
            return self._rotation

    async def back(self) -> Rotation:
        """One step back. Raises AuthorityError where there is nothing to take back."""
        async with self._lock:
            before = back(self._rotation)
            if before is None:
                raise AuthorityError("there is nothing to take back")
            await self._keep(before)
            return self._rotation

    async def plug(self, parts: Parts) -> None:
        """Let another authority of the same root sign from now on. Raises AuthorityError where trust would change."""
        async with self._lock:
            authority = self._sound(parts)
            if not self._rotation.resting:
                raise AuthorityError("a rotation is under way: end it or take it back first")
            if set(authority.roots) != set(self.signer.roots):
                raise AuthorityError("it has another root, which nobody trusts yet: use 'meltemi ca rotate --to'")
            await self._keep(Rotation(old=await self._add(parts)))

    async def replace(self, parts: Parts) -> None:
        """Let an authority be the only one, whoever trusts it: where no mesh runs. Raises AuthorityError."""
        async with self._lock:
            self._sound(parts)
            await self._keep(Rotation(old=await self._add(parts)))

    async def _first(self, organization: str) -> str:
        """The authority of a first start; one that a start which was cut short has made already is taken."""
        made = sorted(name for name in await self._keys.names() if name.startswith(PREFIX))
        if len(made) > 1:
            raise AuthorityError(f"'{ROTATION}' is lost: which of {len(made)} authorities signs is not known")
        if made:
            return made[0]
        log.info("a root is made")
        return await self._add(self._new_root(organization))

    def _new_root(self, organization: str) -> Parts:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = self_signed_root(key, organization, serial=random_serial_number(), now=self._now()).decode()
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return Parts(ca_cert=pem, ca_key=text, root_cert=pem)

    async def _candidate(self, candidate: Parts | None) -> str:
        now = self._rotation
        if candidate is not None:
            self._sound(candidate)
            name = await self._add(candidate)
            if name == now.signer:
                raise AuthorityError("this authority signs already")
            return name
        if now.new and now.new != now.signer:
            return now.new  # taken back before: what was made for it is used
        return await self._add(self._new_root("meltemi"))

    def _sound(self, parts: Parts) -> Authority:
        authority = load(parts, now=self._now())
        if isinstance(authority, Refusal):
            raise AuthorityError(authority.message)
        return authority

    async def _add(self, parts: Parts) -> str:
        data = msgspec.json.encode(parts)
        name = f"{PREFIX}{sha256(data).hexdigest()[:16]}{SUFFIX}"
        if name not in await self._keys.names():
            await self._keys.write(name, data, new=True)
        return name

    async def _keep(self, rotation: Rotation) -> None:
        """Read what it names before it is kept: what is in force can always be read."""
        loaded = await self._load(rotation)
        await self._keys.write(ROTATION, msgspec.json.encode(rotation))
        self._tell(rotation, loaded)

    async def _use(self, rotation: Rotation) -> None:
        self._tell(rotation, await self._load(rotation))

    async def _load(self, rotation: Rotation) -> dict[str, Authority]:
        found: dict[str, Authority] = {}
        for name in filter(None, (rotation.old, rotation.new)):
            data = await self._keys.read(name)
            if data is None:
                raise AuthorityError(f"the authority '{name}' is lost")
            # Its time is looked at where it signs: an expired one must not keep the mesh from starting.
            authority = load(msgspec.json.decode(data, type=Parts), now=None)
            if isinstance(authority, Refusal):
                raise AuthorityError(f"the authority '{name}': {authority.message}")
            found[name] = authority
        return found

    def _tell(self, rotation: Rotation, loaded: dict[str, Authority]) -> None:
        self._rotation, self._loaded = rotation, loaded
        roots = dict.fromkeys(root for one in self.trusted for root in one.roots)
        self._trust = Trust(roots=tuple(roots), signer=self.signer.name)
        log.info("trust", step=str(rotation.step), signer=self._trust.signer, roots=len(roots))
        self.changed.set()
        self.changed = asyncio.Event()


def _decoded(data: bytes) -> Rotation:
    try:
        return msgspec.json.decode(data, type=Rotation)
    except msgspec.DecodeError as problem:
        raise AuthorityError(f"'{ROTATION}' cannot be read: {problem}") from problem
