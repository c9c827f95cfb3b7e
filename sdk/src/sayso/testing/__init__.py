"""A fake Sayso for an agent's own tests: a real HTTP server, and people who do as told.

    import pytest
    from sayso import Sayso
    from sayso.testing import FakeSayso

    @pytest.fixture
    def fake():
        with FakeSayso() as fake:
            yield fake

    def test_nothing_is_paid_after_a_no(fake):
        fake.answer_with(False, comment="Too dear.")
        client = Sayso(api_key=fake.api_key, base_url=fake.base_url)
        pay_invoices(client)
        assert fake.tracks[0]["status"] == "failed"

What it simulates: tracks, steps, actions, events, one open ask per track, `key`, `external_id`,
`Idempotency-Key`, long polls, deadlines (by the real clock), cancelling, escalation, a queue,
pages, refusals with their codes. What it does not: lengths and deceptive characters, mail, pages,
passwords, several approvers (`needed` is shown, one answer settles), plans, limits, scopes,
webhooks, connections. Its hashes and digests are zeros, its receipts unsigned.
"""

from sayso.testing._fake import FakeSayso

__all__ = ["FakeSayso"]
