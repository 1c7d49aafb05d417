"""What may the organisation's directory tell us of people and groups? SCIM's words, as far as we use them.

What isn't here is left out when it comes: nobody's private address is kept for nothing. The protocol's own
library reads and writes it; this file is imported with the first request, which nobody waits for on a call.
https://www.rfc-editor.org/rfc/rfc7643
"""

from typing import Annotated, Any, ClassVar

from pydantic import Field
from scim2_models import (
    URN,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    Context,
    ETag,
    Extension,
    Filter,
    Mutability,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    ResponseParameters,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)
from scim2_models.resources.resource import AnyExtension
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService

from app.scim.telling import AGENT_URN, ENTERPRISE_URN

MOST_RESULTS = 200


class Name(ComplexAttribute):
    formatted: str | None = None
    """The whole name, as it is shown."""

    family_name: str | None = None
    """The family name."""

    given_name: str | None = None
    """The given name."""


class Email(ComplexAttribute):
    value: str | None = None
    """The address with which somebody signs in."""

    type: str | None = Field(None, examples=["work", "home", "other"])
    """What it is used for."""

    primary: bool | None = None
    """Whether it is the one that counts."""


class RoleValue(ComplexAttribute):
    value: str | None = Field(None, examples=["agent", "supervisor", "admin", "auditor"])
    """What somebody may do; of several the one that may do most counts."""

    display: str | None = None
    """How the directory calls it."""

    type: str | None = None
    """Not used here."""

    primary: bool | None = None
    """Not used here."""


class Membership(ComplexAttribute):
    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    """The id of a group that somebody is in."""

    ref: Annotated[Reference["Group"] | None, Mutability.read_only] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """Where the group stands."""

    display: Annotated[str | None, Mutability.read_only] = None
    """How the group is called."""


class Enterprise(Extension):
    __schema__ = URN(ENTERPRISE_URN)

    department: str | None = None
    """The team of an agent who is new, where the agent's own attributes name none."""


class AgentOf(Extension):
    """The desk that somebody sits at."""

    __schema__ = URN(AGENT_URN)

    agent: str | None = None
    """The agent's key; signs beside A-Z, a-z, 0-9 and _ become _."""

    team: str | None = None
    """The team that the agent is of."""

    spoken_name: str | None = None
    """How callers hear the agent called."""

    phone: str | None = Field(None, examples=["+31612345678", "+31612345679"])
    """The ordinary telephone on which the agent may want to be rung."""


class User(Resource[AnyExtension]):
    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    """The name under which the directory knows somebody."""

    name: Name | None = None
    """What somebody is called."""

    Name: ClassVar[type[ComplexAttribute]] = Name

    display_name: str | None = None
    """What somebody is called, as it is shown."""

    preferred_language: str | None = Field(None, examples=["nl", "en"])
    """The language in which somebody reads."""

    active: bool | None = None
    """Whether somebody works here: false ends all that they have open, within seconds."""

    emails: list[Email] | None = None
    """Their e-mail addresses."""

    Emails: ClassVar[type[ComplexAttribute]] = Email

    groups: Annotated[list[Membership] | None, Mutability.read_only] = None
    """The groups that somebody is in."""

    Groups: ClassVar[type[ComplexAttribute]] = Membership

    roles: list[RoleValue] | None = None
    """What somebody may do."""

    Roles: ClassVar[type[ComplexAttribute]] = RoleValue


class GroupMember(ComplexAttribute):
    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """The id of somebody in the group."""

    ref: Annotated[Reference["User"] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """Where that person stands."""

    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])
    """Always a person: groups in groups are for the directory to resolve."""


class Group(Resource[Any]):
    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Required.true] = None
    """The group's name, which may stand for a role; see OIDC_ROLES."""

    members: list[GroupMember] | None = None
    """Who is in it."""

    Members: ClassVar[type[ComplexAttribute]] = GroupMember


class Service(ScimService):
    """The protocol, with the answers that most directories count on."""

    def patch_response(
        self, base_url: str, resource: Resource[Any], response_parameters: ResponseParameters[Any]
    ) -> ScimResponse:
        """Return what was changed as it stands now: it might be left out, but most look at it."""
        published = self.publish(base_url, resource)
        return self.resource_response(published, Context.RESOURCE_REPLACEMENT_RESPONSE, response_parameters)


PERSON = User[Enterprise | AgentOf]

# Entra sends words for truths, what we don't know, and takes a value for a filter.
POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)


def provider() -> ScimProvider:
    """Return what we say of ourselves at /ServiceProviderConfig, /ResourceTypes and /Schemas."""
    return ScimProvider(
        models=[User, Group, Enterprise, AgentOf],
        resource_types=[ResourceType.from_resource(PERSON), ResourceType.from_resource(Group)],
        config=ServiceProviderConfig(
            patch=Patch(supported=True),
            bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
            filter=Filter(supported=True, max_results=MOST_RESULTS),
            change_password=ChangePassword(supported=False),
            sort=Sort(supported=True),
            etag=ETag(supported=True),
            authentication_schemes=[
                AuthenticationScheme(
                    type=AuthenticationScheme.Type.oauthbearertoken,
                    name="Bearer token",
                    description="A token of the scope directory: flask --app wsgi tokens create NAME",
                    primary=True,
                )
            ],
        ),
        policy=POLICY,
    )
