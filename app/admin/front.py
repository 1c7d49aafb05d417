"""Where does somebody without a desk begin? At one page, with all that their role may see."""

from flask import Blueprint, Flask, Response, make_response, render_template

from app import catalogue, web
from app.door import first_pages
from app.door.sign_in import OVERSEERS, current, has_desk, require_role

bp = Blueprint("front", __name__, url_prefix="/admin")


def register(app: Flask) -> None:
    app.register_blueprint(bp)


@bp.get("")
@require_role(*OVERSEERS)
def front() -> Response:
    reader = current()
    pages = first_pages.open_to(reader.role, has_desk=has_desk()) if reader else []
    page = render_template(
        "admin/front.html",
        pages=pages,
        email=reader.email if reader else "",
        has_desk=has_desk(),
        w=lambda code, **values: catalogue.text(f"promise.{code}", web.language(), **values),
    )
    return make_response(page)
