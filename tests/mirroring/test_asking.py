"""What becomes of the options that a system offers, and of the comments that it wants."""

import pytest

from mirroring.asking import question
from mirroring.connectors.base import Item, Option, Person, State
from mirroring.models import Connection

YES = Option(code="ok", label="Approve", state=State.APPROVED)
NO = Option(code="deny", label="Deny", state=State.REJECTED, comment_required=True)
HOLD = Option(code="hold", label="Hold", state=State.UNKNOWN, comment_required=True)


@pytest.mark.parametrize(
    ("options", "wanted_for"), [((YES, NO), ["false"]), ((YES, NO, HOLD), ["deny", "hold"])]
)
def test_a_comment_is_wanted_for_the_options_that_say_so(
    options: tuple[Option, ...], wanted_for: list[str]
) -> None:
    cfo = Person(id="1", email="cfo@acme.com")
    item = Item(
        external_id="7",
        title="12 laptops",
        state=State.PENDING,
        approvers=(cfo,),
        options=options,
        revision="1",
        material_digest="",
    )
    assert question(Connection(name="ERP"), item).ask.comment_wanted_for == wanted_for
