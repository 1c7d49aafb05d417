"""Which pages are for whom, and which comes first? What a role may do there, each page guards by itself."""

from dataclasses import dataclass

from app.records.agents import Role

# Those who may read what everybody owes and did.
OVERSEERS = (Role.SUPERVISOR, Role.ADMIN, Role.AUDITOR)


@dataclass(frozen=True)
class Page:
    """A page to begin at; `code` names its words in the catalogue (`front_…`)."""

    href: str
    code: str
    roles: tuple[Role, ...] = tuple(Role)
    needs_desk: bool = False


FRONT = Page("/admin", "front", OVERSEERS)
PAGES = (
    Page("/desk", "desk", needs_desk=True),
    Page("/admin/promises", "promises", OVERSEERS),
    Page("/admin/promises/figures", "figures", OVERSEERS),
    Page("/admin/calls", "calls", OVERSEERS),
    Page("/admin/protections", "protections", (Role.SUPERVISOR, Role.ADMIN)),
    Page("/admin/rules", "rules", OVERSEERS),
    Page("/admin/simulate", "simulate", OVERSEERS),
    Page("/admin/lines", "lines", (Role.ADMIN,)),
    Page("/admin/topics", "topics", (Role.SUPERVISOR, Role.ADMIN)),
    Page("/admin/people", "people", (Role.ADMIN,)),
    Page("/admin/lists", "lists", (Role.SUPERVISOR, Role.ADMIN)),
    Page("/admin/screen", "screen", (Role.SUPERVISOR, Role.ADMIN)),
    Page("/admin/promises/leaver", "leaver", (Role.SUPERVISOR, Role.ADMIN)),
    Page("/admin/privacy", "privacy", OVERSEERS),
    Page("/admin/audit", "audit", (Role.ADMIN, Role.AUDITOR)),
    Page("/api/v1/docs", "api", (Role.ADMIN,)),
)


def open_to(role: Role, *, has_desk: bool) -> list[Page]:
    """Return the pages that somebody may see, the first one first."""
    return [page for page in PAGES if role in page.roles and (has_desk or not page.needs_desk)]


def first_for(role: Role, *, has_desk: bool) -> Page | None:
    """Return where somebody begins: at their desk; without one, where all stands that they may see.

    None for who may see nothing: an agent whose account has no agent.
    """
    pages = open_to(role, has_desk=has_desk)
    if not pages or has_desk:
        return pages[0] if pages else None
    return FRONT if role in FRONT.roles else pages[0]
