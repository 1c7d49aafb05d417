"""Where do people and groups of the directory stand? In SQL; read and written for SCIM's own library."""

import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any, cast

from scim2_models import (
    InvalidValueException,
    Meta,
    NotFoundException,
    PreconditionFailedException,
    Reference,
    Resource,
    ResourceType,
    ResponseParameters,
    ScimFilter,
    SearchRequest,
    UniquenessException,
)
from scim2_models.path import CompareOperator, Comparison
from scim2_server.storage import ScimStorage, SearchPage
from scim2_server.utils import parametrize
from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from app.errors import InvalidField
from app.records.directory import Group, Member, Person
from app.scim import people
from app.scim.people import Directory
from app.scim.shapes import PERSON, GroupMember, Membership
from app.scim.shapes import Group as ScimGroup

Row = Person | Group
USER = "User"


class Storage(ScimStorage):
    """What one request does, in its transaction."""

    def __init__(self, session: Session, directory: Directory, *, writes: bool) -> None:
        self.session = session
        self.directory = directory
        # Of two changes at once the second begins with what the first has made: a directory sends many.
        self.writes = writes

    # --- reading -------------------------------------------------------------------------------------

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        return self._published([self._row(resource_type, resource_id, held=self.writes)])[0]

    def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,
    ) -> SearchPage:
        start = search_request.start_index_0 or 0
        stop = None if search_request.count is None else start + search_request.count
        if len(resource_types) == 1 and search_request.filter is None and search_request.sort_by is None:
            return self._page(_table(resource_types[0]), start, stop)
        found: list[Resource[Any]] = []
        for resource_type in resource_types:
            wanted = _narrowed(resource_type, search_request.filter)
            table = _table(resource_type)
            rows = self.session.scalars(select(table).where(*wanted).order_by(table.created_at, table.id))
            found += self._published(cast(Sequence[Row], rows.all()))
        if search_request.filter is not None:
            matches = _matching(search_request.filter, found)
            found = [one for one in found if matches(one)]
        if search_request.sort_by is not None:
            found = search_request.sort(found)
        return SearchPage(len(found), found[start:stop])

    def _page(self, table: type[Person] | type[Group], start: int, stop: int | None) -> SearchPage:
        """Return some of all: no more than these are read."""
        total = self.session.scalar(select(func.count()).select_from(table)) or 0
        asked = select(table).order_by(table.created_at, table.id).offset(start)
        rows = self.session.scalars(asked.limit(stop - start) if stop is not None else asked).all()
        return SearchPage(total, self._published(cast(Sequence[Row], rows)))

    def _row(self, resource_type: ResourceType, resource_id: str | None, *, held: bool = False) -> Row:
        table, key = _table(resource_type), str(resource_id)[:36]
        row = cast(Row | None, self.session.get(table, key, with_for_update=held, populate_existing=held))
        if row is None or row.id != resource_id:
            raise NotFoundException(detail=f"{resource_type.name} not found")
        return row

    def _published(self, rows: Sequence[Row]) -> list[Resource[Any]]:
        """Return rows as SCIM has them, for two reads however many there are."""
        ids = [row.id for row in rows]
        is_group = bool(rows) and isinstance(rows[0], Group)
        mine, other = (Member.group, Member.person) if is_group else (Member.person, Member.group)
        joined = select(mine, other, Group.name).join(Group, Group.id == Member.group)
        linked: dict[str, list[tuple[str, str]]] = {}
        for mine_id, other_id, name in self.session.execute(joined.where(mine.in_(ids)).order_by(other)):
            linked.setdefault(mine_id, []).append((other_id, name))
        return [_as_resource(row, linked.get(row.id, [])) for row in rows]

    # --- writing -------------------------------------------------------------------------------------

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        now = self.directory.now
        row = _table(resource_type)(id=str(uuid.uuid4()), created_at=now, changed_at=now, version=1)
        if isinstance(row, Person):
            row.is_active = True
        return self._written(row, resource, is_new=True)

    def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        row = self._row(resource_type, resource.id, held=True)
        self._check_version(row, expected_version)
        row.version, row.changed_at = row.version + 1, self.directory.now
        return self._written(row, resource)

    def delete(
        self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None
    ) -> None:
        row = self._row(resource_type, resource_id, held=True)
        self._check_version(row, expected_version)
        if isinstance(row, Person):
            people.forget(self.session, row, self.directory)
            return
        members = self._members(row.id)
        self.session.execute(delete(Member).where(Member.group == row.id))
        self.session.delete(row)
        self.session.flush()
        self._follow(members)

    def _check_version(self, row: Row, expected: str | None) -> None:
        if expected is not None and expected != _version(row):
            raise PreconditionFailedException

    def _written(self, row: Row, resource: Resource[Any], *, is_new: bool = False) -> Resource[Any]:
        if isinstance(row, Person):
            self._write_person(row, resource, is_new=is_new)
        else:
            self._write_group(row, cast(ScimGroup, resource), is_new=is_new)
        return self._published([row])[0]

    def _write_person(self, row: Person, resource: Any, *, is_new: bool) -> None:
        if is_new and resource.active is None:
            resource.active = True
        told = resource.model_dump(mode="json")
        row.told = {name: told[name] for name in told if name not in ("id", "meta", "groups")}
        if "\\u0000" in json.dumps(row.told):
            raise InvalidValueException(detail="a text holds what no database can keep")
        name = str(row.told.get("userName") or "").strip()
        if not name or len(name) > 254:
            raise InvalidValueException(detail="userName: between 1 and 254 characters")
        row.name_key, row.external_id = name.lower(), _external_id(resource)
        another = select(Person.id).where(Person.name_key == row.name_key, Person.id != row.id)
        with self.session.no_autoflush:
            if self.session.scalar(another) is not None:
                raise UniquenessException(detail="userName: somebody else has it")
        if is_new:
            self.session.add(row)
        self.session.flush()
        self._follow([row.id])

    def _write_group(self, row: Group, resource: ScimGroup, *, is_new: bool) -> None:
        name = str(resource.display_name or "").strip()
        if not name or len(name) > 254:
            raise InvalidValueException(detail="displayName: between 1 and 254 characters")
        row.name, row.external_id = name, _external_id(resource)
        if is_new:
            self.session.add(row)
        self.session.flush()
        before = set(self._members(row.id))
        after = {str(one.value) for one in resource.members or [] if one.value}
        known = set(self.session.scalars(select(Person.id).where(Person.id.in_(after - before))))
        if unknown := after - before - known:
            raise InvalidValueException(detail=f"members: there is no user {min(unknown)[:36]}")
        gone = before - after
        self.session.execute(delete(Member).where(Member.group == row.id, Member.person.in_(gone)))
        self.session.add_all(Member(group=row.id, person=one) for one in sorted(after - before))
        self.session.flush()
        self._follow(sorted(before | after))

    def _members(self, group: str) -> Sequence[str]:
        return self.session.scalars(
            select(Member.person).where(Member.group == group).order_by(Member.person)
        ).all()

    def _follow(self, ids: Sequence[str]) -> None:
        """Let what was told have its effect on these people, in one order for everybody."""
        wanted = select(Person).where(Person.id.in_(ids)).order_by(Person.id).with_for_update()
        for person in self.session.scalars(wanted).all():
            try:
                people.follow(self.session, person, self.directory)
            except InvalidField as error:
                raise InvalidValueException(detail=f"{error.field}: {error.message}") from error


def _table(resource_type: ResourceType) -> type[Person] | type[Group]:
    return Person if resource_type.name == USER else Group


def _external_id(resource: Resource[Any]) -> str | None:
    if resource.external_id is not None and len(resource.external_id) > 255:
        raise InvalidValueException(detail="externalId: at most 255 characters")
    return resource.external_id


def _version(row: Row) -> str:
    return f'W/"{row.version}"'


def _as_resource(row: Row, linked: Sequence[tuple[str, str]]) -> Resource[Any]:
    resource: Resource[Any]
    if isinstance(row, Person):
        resource = PERSON.model_validate(row.told)
        resource.groups = [
            Membership(value=one, ref=Reference(f"Groups/{one}"), display=name) for one, name in linked
        ] or None
    else:
        members = [GroupMember(value=one, ref=Reference(f"Users/{one}"), type=USER) for one, _ in linked]
        resource = ScimGroup(display_name=row.name, external_id=row.external_id, members=members or None)
    resource.id = row.id
    resource.meta = Meta(
        resource_type=USER if isinstance(row, Person) else "Group",
        created=row.created_at,
        last_modified=row.changed_at,
        version=_version(row),
    )
    return resource


def _narrowed(resource_type: ResourceType, asked: ScimFilter[Any] | None) -> list[ColumnElement[bool]]:
    """Return what SQL can say of a filter that compares a column of ours; the rest is matched afterwards."""
    node = asked.ast if asked is not None else None
    if not isinstance(node, Comparison) or node.op != CompareOperator.eq or not isinstance(node.value, str):
        return []
    table, name = _table(resource_type), str(node.attr_path).rpartition(":")[2].lower()
    if name == "id":
        return [table.id == node.value]
    if name == "externalid":
        return [func.lower(table.external_id) == node.value.lower()]
    if name == "username" and table is Person:
        return [Person.name_key == node.value.strip().lower()]
    return []


def _matching(asked: ScimFilter[Any], found: Sequence[Resource[Any]]) -> Callable[[Resource[Any]], bool]:
    if asked.models or not found:
        return asked.match
    # At the root a filter knows no type yet: each has its own.
    typed = {kind: parametrize(ScimFilter, kind)(str(asked)) for kind in {type(one) for one in found}}
    return lambda one: typed[type(one)].match(one)
