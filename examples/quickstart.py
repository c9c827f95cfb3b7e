"""The quickstart agent: it works, asks the CFO, waits, and goes on with the answer.

`make demo` runs it against a running Sayso. Elsewhere, SAYSO_BASE_URL and SAYSO_API_KEY say where
Sayso is and who is asking.
"""

import os
from datetime import UTC, datetime

from sayso import Answer, Sayso, Track


def main() -> None:
    """Do the agent's work, which needs a person's say-so half-way."""
    client = Sayso()
    track = client.create_track(
        title="Vendor invoice batch",
        steps=["Fetch", "Parse", "Approve", "Schedule"],
        customer_email="cfo@acme.com",
    )
    track.start_step(0)
    track.action("Pulled 47 invoices from Bill.com")
    track.complete_step(0)
    track.start_step(1)
    track.action("Matched 46 of 47 to purchase orders")
    track.complete_step(1)
    track.start_step(2)

    tell_where_to_answer(track)
    answer = track.confirm(
        prompt="Acme Office Supplies invoice is 8% above contract. Approve?",
        accept_label="Approve the new rate",
        reject_label="Hold for negotiation",
        if_accepted="47 payments are scheduled for Friday.",
        if_rejected="Nothing is paid until the rate is settled.",
        summary={"Vendor": "Acme Office Supplies", "Contract": "$2,400", "Invoice": "$2,592"},
        timeout_seconds=86400,
    )
    tell_how_fast(answer)

    if answer.approved:
        track.complete_step(2)
        track.start_step(3)
        track.complete_step(3)
        track.complete(summary="47 payments scheduled.")
        print("agent: 47 payments scheduled.")
    else:
        track.fail(reason=f"Approval {answer.status}", retryable=False)
        print("agent: nothing is paid.")


def tell_where_to_answer(track: Track) -> None:
    """Say where the page is, and the mail with the code that it will ask for."""
    print("\nAn agent is waiting for you:\n")
    print(f"  {track.url}")
    if mailbox := os.environ.get("SAYSO_MAILBOX_URL"):
        print(f"  {mailbox}   has the mail with your code")
    print(flush=True)


def tell_how_fast(answer: Answer) -> None:
    """Say how it ended, and how long after the answer this program had it."""
    if answer.answered_at is None:
        print(f"agent: no answer ({answer.status}).")
        return
    taken = datetime.now(UTC) - answer.answered_at
    said = f"{answer.answered_by} said {'yes' if answer.approved else 'no'}"
    print(f"agent: {said}. I had it {taken.total_seconds() * 1000:.0f} ms later.")


if __name__ == "__main__":
    main()
