"""What a stream of secrets is sent: what it wants and does not have, in this version, once."""

import pytest
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from envoy.service.discovery.v3 import discovery_pb2
from google.rpc import status_pb2

from meltemi.shell.agent import sds_wire
from meltemi.shell.agent.secrets import AUTHORITIES, CERTIFICATE, Answered, Secrets, Stream


class Asking:
    """An Envoy on one stream, speaking with the classes that its own API is made of."""

    def __init__(self, secrets: Secrets, *, delta: bool) -> None:
        self.answers: list[Answered] = []
        self.delta = delta
        self.stream = Stream(secrets, delta=delta, told=self.answers.append)

    def say(self, *names: str, nonce: str = "", error: str = "", **held: str) -> None:
        detail = status_pb2.Status(message=error) if error else None
        if self.delta:
            delta = discovery_pb2.DeltaDiscoveryRequest(
                resource_names_subscribe=names, response_nonce=nonce, initial_resource_versions=held,
                error_detail=detail,
            )  # fmt: skip
            self.stream.hear(sds_wire.read_delta(delta.SerializeToString()))
        else:
            full = discovery_pb2.DiscoveryRequest(resource_names=names, response_nonce=nonce, error_detail=detail)
            self.stream.hear(sds_wire.read_full(full.SerializeToString()))

    def unwant(self, name: str) -> None:
        request = discovery_pb2.DeltaDiscoveryRequest(resource_names_unsubscribe=[name])
        self.stream.hear(sds_wire.read_delta(request.SerializeToString()))

    def gets(self) -> tuple[str, list[str], list[str]]:
        """Nonce, names of secrets, names that are removed; empty if nothing is due."""
        raw = self.stream.due()
        if raw is None:
            return "", [], []
        if not self.delta:
            full = discovery_pb2.DiscoveryResponse.FromString(raw)
            assert full.version_info
            return full.nonce, [secret_pb2.Secret.FromString(one.value).name for one in full.resources], []
        response = discovery_pb2.DeltaDiscoveryResponse.FromString(raw)
        for one in response.resources:
            assert secret_pb2.Secret.FromString(one.resource.value).name == one.name
            assert one.version
        return response.nonce, [one.name for one in response.resources], list(response.removed_resources)


NOTHING = ("", list[str](), list[str]())


@pytest.fixture
def secrets() -> Secrets:
    kept = Secrets()
    put(kept, CERTIFICATE, "1")
    return kept


@pytest.fixture(params=[True, False], ids=["delta", "state of the world"])
def asking(secrets: Secrets, request: pytest.FixtureRequest) -> Asking:
    return Asking(secrets, delta=request.param)


def put(secrets: Secrets, name: str, text: str) -> None:
    secrets.put(name, sds_wire.certificate(name, chain=text.encode(), key=b"k"))


def test_what_is_there_is_sent_at_once(asking: Asking):
    asking.say(CERTIFICATE)

    assert asking.gets() == ("1", [CERTIFICATE], [])
    assert asking.gets() == NOTHING


def test_what_is_not_there_yet_is_sent_when_it_is(asking: Asking, secrets: Secrets):
    asking.say(AUTHORITIES)
    assert asking.gets() == NOTHING

    put(secrets, AUTHORITIES, "r")

    assert asking.gets() == ("1", [AUTHORITIES], [])


def test_only_what_has_changed_is_pushed(asking: Asking, secrets: Secrets):
    asking.say(CERTIFICATE)
    asking.gets()
    asking.say(CERTIFICATE, nonce="1") if not asking.delta else asking.say(nonce="1")

    put(secrets, CERTIFICATE, "1")
    assert asking.gets() == NOTHING
    put(secrets, CERTIFICATE, "2")
    assert asking.gets() == ("2", [CERTIFICATE], [])


def test_what_was_refused_is_not_sent_again_before_it_changes(asking: Asking, secrets: Secrets):
    asking.say(CERTIFICATE)
    asking.gets()
    names = () if asking.delta else (CERTIFICATE,)
    asking.say(*names, nonce="1", error="bad key")

    assert [answer.error for answer in asking.answers] == ["bad key"]
    assert asking.gets() == NOTHING
    put(secrets, CERTIFICATE, "2")
    assert asking.gets() == ("2", [CERTIFICATE], [])


def test_it_is_current_when_envoy_has_answered(asking: Asking, secrets: Secrets):
    asking.say(CERTIFICATE)
    assert not asking.stream.is_current
    asking.gets()
    assert not asking.stream.is_current
    asking.say(*(() if asking.delta else (CERTIFICATE,)), nonce="1")
    assert asking.stream.is_current
    put(secrets, CERTIFICATE, "2")
    assert not asking.stream.is_current


def test_an_answer_to_an_older_response_does_not_bring_back_old_names(secrets: Secrets):
    asking = Asking(secrets, delta=False)
    asking.say(CERTIFICATE)
    asking.gets()
    put(secrets, CERTIFICATE, "2")
    asking.gets()

    asking.say(AUTHORITIES, nonce="1")

    assert asking.stream.wanted == (CERTIFICATE,)


def test_a_stream_that_holds_this_version_already_is_sent_nothing(secrets: Secrets):
    asking = Asking(secrets, delta=True)

    asking.say(CERTIFICATE, **{CERTIFICATE: secrets.versions[CERTIFICATE]})

    assert asking.gets() == NOTHING


def test_what_is_not_wanted_any_more_is_not_sent(secrets: Secrets):
    asking = Asking(secrets, delta=True)
    asking.say(CERTIFICATE)
    asking.gets()
    asking.unwant(CERTIFICATE)

    put(secrets, CERTIFICATE, "2")

    assert asking.gets() == NOTHING


def test_a_strangers_name_is_said_not_to_be_here(secrets: Secrets):
    asking = Asking(secrets, delta=True)

    asking.say("kubernetes://shop")

    assert asking.gets() == ("1", [], ["kubernetes://shop"])
    assert asking.gets() == NOTHING


def test_the_secrets_are_envoys_messages():
    certificate = secret_pb2.Secret.FromString(sds_wire.certificate("default", chain=b"c", key=b"k"))
    trusted = secret_pb2.Secret.FromString(sds_wire.authorities("ROOTCA", b"r"))

    assert certificate.tls_certificate.certificate_chain.inline_bytes == b"c"
    assert certificate.tls_certificate.private_key.inline_bytes == b"k"
    assert trusted.validation_context.trusted_ca.inline_bytes == b"r"
    assert sds_wire.TYPE.endswith(secret_pb2.Secret.DESCRIPTOR.full_name)


def test_keys_are_not_shown():
    kept = Secrets()
    kept.put(CERTIFICATE, sds_wire.certificate(CERTIFICATE, chain=b"c", key=b"hush"))

    assert "hush" not in repr(kept)
